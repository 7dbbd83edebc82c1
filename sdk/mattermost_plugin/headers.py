"""Header lists: what is valid, and what belongs to one connection only and must not travel further."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any, Final

from mattermost_plugin.exchange import Headers

HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade")
)
"""RFC 9110 §7.6.1: fields for the next hop alone, beside those that `Connection` names."""

END_TO_END_ALWAYS: Final = frozenset((b"host", b"content-length", b"mattermost-user-id"))
"""Fields that a `Connection` header cannot take away by naming them."""

KNOWN_SIZE: Final = 64
"""Names, and values, up to this many bytes are remembered once they were found good."""

KNOWN_FIELDS: Final = 12
"""Lists of up to so many fields that are remembered each are remembered whole."""

MAX_FIELDS: Final = 8192
"""Fields of one head or trailer section: docs/protocol.md §5."""

_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN_IN_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class InvalidHeader(ValueError):
    """A field name or value that RFC 9110 §5 does not allow; the text names it."""


def end_to_end(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers without those that belong to one connection; names must be lower-case."""
    kept = []
    named: frozenset[bytes] = frozenset()
    for header in headers:
        name = header[0]
        if name not in HOP_BY_HOP:
            kept.append(header)
        elif name == b"connection":
            named |= _options(header[1])
    named -= END_TO_END_ALWAYS
    return [header for header in kept if header[0] not in named] if named else kept


def _options(value: bytes) -> frozenset[bytes]:
    return frozenset(option.strip().lower() for option in value.split(b","))


def of_response(headers: Iterable[Any]) -> tuple[list[tuple[bytes, bytes]], int | None]:
    """What of a response's headers goes on its way, and the content-length that they declare.

    Args:
        headers: as for `checked`.

    Returns:
        A list that nobody may change, because it may be given out again, and the length.

    Raises:
        InvalidHeader: as `checked` and `content_length`.
    """
    fields = list(headers)
    return _known_response(tuple(fields)) if _is_small(fields) else _of_response(fields)


def _of_response(headers: Iterable[Any]) -> tuple[list[tuple[bytes, bytes]], int | None]:
    kept = end_to_end(checked(headers))
    return kept, content_length(kept)


_known_response: Final = functools.lru_cache(maxsize=1024)(_of_response)


def _is_small(headers: list[Any]) -> bool:
    """Whether these may be remembered: plain tuples of bytes, and not much of it."""
    if len(headers) > KNOWN_FIELDS:
        return False
    for header in headers:
        if type(header) is not tuple or len(header) != 2:
            return False
        name, value = header
        if type(name) is not bytes or type(value) is not bytes:
            return False
        if len(name) > KNOWN_SIZE or len(value) > KNOWN_SIZE:
            return False
    return True


def checked(headers: Iterable[Any]) -> list[tuple[bytes, bytes]]:
    """The headers with lower-case names and without white space around values.

    Args:
        headers: pairs of bytes as an application gives them: lists as well as tuples, and any kind of bytes.

    Raises:
        InvalidHeader: a name is no token, a value holds a control character, or there are more than `MAX_FIELDS`.
    """
    fields = [
        _known(bytes(name), bytes(value))
        if len(name) <= KNOWN_SIZE and len(value) <= KNOWN_SIZE
        else _checked(bytes(name), bytes(value))
        for name, value in headers
    ]
    if len(fields) > MAX_FIELDS:
        raise InvalidHeader(f"{len(fields)} headers; at most {MAX_FIELDS} can be sent")
    return fields


def _checked(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if not _TOKEN.fullmatch(name):
        raise InvalidHeader(f"header name {name!r} is not a token")
    if _FORBIDDEN_IN_VALUE.search(value):
        raise InvalidHeader(f"the value of header {name!r} has a control character in it")
    return name.lower(), value.strip(b" \t")


_known: Final = functools.lru_cache(maxsize=1024)(_checked)


def content_length(headers: Headers) -> int | None:
    """The length that the headers declare, if they do.

    Raises:
        InvalidHeader: it is not a number, or there are two different ones.
    """
    declared: bytes | None = None
    for name, value in headers:
        if name == b"content-length":
            if not _LENGTH.fullmatch(value) or declared not in (None, value):
                raise InvalidHeader("content-length is not one non-negative number")
            declared = value
    return None if declared is None else int(declared)
