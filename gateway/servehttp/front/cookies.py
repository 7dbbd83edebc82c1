"""Cookies of plugins: each for its own plugin, though all plugins are on one origin.

Frameworks set their cookies for `/`, under the same few names. Left so, each plugin would replace the others' cookies,
and be sent them. So a cookie is set for what is below `/plugins/{id}/`, and browsers keep it from the others:

| the plugin sets it for | it is set for |
|---|---|
| no path, or `/` | `/plugins/{id}/` |
| `/plugins/{id}` or below | the same |
| another path | that path below `/plugins/{id}` |
| a domain | the host alone |

A cookie whose name begins with `__Host-` is left as it is: browsers take it only for `/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mattermost_plugin.exchange import Headers, Request
from servehttp.plugins.host import API_ID

SET_COOKIE: Final = b"set-cookie"
WHOLE_ORIGIN: Final = b"__host-"
SCOPE: Final = frozenset((b"path", b"domain"))


class CookieScopes:
    """For which path plugins may set cookies.

    Args:
        unscoped: ids of plugins whose cookies stay as they are.
    """

    def __init__(self, unscoped: Iterable[str] = ()) -> None:
        self._unscoped = frozenset((*unscoped, API_ID))

    def root(self, request: Request, plugin_id: str) -> bytes | None:
        """The path below which a plugin's answer to a request may set cookies, without a slash; None if anywhere."""
        return None if plugin_id in self._unscoped else request.target[: request.root_length]


def with_own_cookies(headers: Headers, root: bytes | None) -> list[tuple[bytes, bytes]]:
    """The headers of a response, with every cookie that they set below a path."""
    if root is None:
        return list(headers)
    return [(name, own_cookie(value, root) if name == SET_COOKIE else value) for name, value in headers]


def own_cookie(value: bytes, root: bytes) -> bytes:
    """The value of `Set-Cookie`, for a path below `root`; byte for byte the same if it is that already."""
    pair, *attributes = value.split(b";")
    if pair.strip().lower().startswith(WHOLE_ORIGIN):
        return value
    scope = [(name, given) for name, given in map(_attribute, attributes) if name in SCOPE]
    path = next((given for name, given in reversed(scope) if name == b"path"), b"")
    is_own = path == root or path.startswith(root + b"/")
    if is_own and len(scope) == 1:
        return value
    if not is_own:
        path = root + (path if path.startswith(b"/") else b"/")
    kept = [attribute for attribute in attributes if _attribute(attribute)[0] not in SCOPE]
    return b";".join([pair, *kept, b" Path=" + path])


def _attribute(text: bytes) -> tuple[bytes, bytes]:
    """Name and value as browsers read them (RFC 6265 §5.2)."""
    name, _, value = text.partition(b"=")
    return name.strip().lower(), value.strip()
