"""What of a request may reach a plugin, whoever sends it: a client through the front, or another plugin."""

from __future__ import annotations

import re
from typing import Final

PLUGIN_HEADER: Final = b"mattermost-plugin-id"
"""By which a plugin sees which other one sent a request."""
SENDING_PLUGIN: Final = "servehttp.sending_plugin"
"""The extension of a scope that has the id of the plugin that sent it; there is none of a client's."""

IDENTITY_HEADERS: Final = frozenset((b"mattermost-user-id", PLUGIN_HEADER))
"""The gateway's word; underscores count as hyphens, because some applications fold them."""

INITIALS: Final = (b"m", b"x", b"f")
"""Of the headers that may not pass from everybody; most others begin otherwise."""

_PERCENT: Final = ord("%")  # a byte is found faster than a string of one byte
_ENCODED_DOT: Final = re.compile(rb"%2e", re.IGNORECASE)
_DOT_SEGMENTS: Final = (b".", b"..")


class BadPath(ValueError):
    """A path that is refused; the text says why."""


def check_path(path: bytes) -> None:
    """Refuse what only an attempt to climb looks like, or to cut a path short: clients resolve dot segments before they
    send (RFC 3986 §5.2.4).

    Raises:
        BadPath: the raw path has a dot segment (`.` or `..`, percent-encoded or not) or an encoded NUL in it.
    """
    if _PERCENT in path:
        if b"%00" in path:
            raise BadPath("the path has an encoded NUL in it")
        path = _ENCODED_DOT.sub(b".", path)
    if path.find(b"/.") >= 0 and any(segment in _DOT_SEGMENTS for segment in path.split(b"/")):
        raise BadPath("the path has a dot segment in it")


def may_pass(name: bytes, trusted: bool) -> bool:
    """Whether an end-to-end header may reach a plugin.

    Args:
        name: in lower case.
        trusted: whether its sender may speak for the client.
    """
    if name[:1] not in INITIALS:
        return True
    if b"_" in name:
        name = name.replace(b"_", b"-")
    return trusted if is_forwarding(name) else name not in IDENTITY_HEADERS


def is_forwarding(name: bytes) -> bool:
    """Whether a header is one of those in which proxies say what they know; underscores count as hyphens."""
    if b"_" in name:
        name = name.replace(b"_", b"-")
    return name.startswith(b"x-forwarded") or name in (b"forwarded", b"x-real-ip")
