"""Request heads that differ from the one before on their connection only in the target: nothing else is parsed again.

A client that keeps its connection sends the same method and the same fields with request after request. What the parser
and every check made of them holds for the same bytes, so only the target is looked at. That needs

1. what was read at once to be one whole head, from its first byte to the empty line, between two messages;
2. a first such head that the parser read and that took the fast path: no body, no upgrade, no end of the connection;
3. a target of printable ASCII within the same plugin, without `#`, and not so long that it could be refused.

Whatever is different in anything goes to the parser.
"""

from __future__ import annotations

from typing import Final

from mattermost_plugin.exchange import Request
from servehttp.front.admission import Admitted

END: Final = b"\r\n\r\n"
TARGET_BYTES: Final = bytes(byte for byte in range(0x21, 0x7F) if byte != ord("#"))


class CachedHead:
    """A head as it was read once.

    Args:
        request: what it asked, as it went to its plugin.
        admitted: what was found of it, and holds for all that are like it.
        before: the bytes before its target.
        after: those behind.
        longest: bytes that a target may have beside them.
    """

    __slots__ = ("_after", "_around", "_before", "_longest", "_request", "_shortest", "_start", "admitted")

    def __init__(self, request: Request, admitted: Admitted, before: bytes, after: bytes, longest: int) -> None:
        root = request.target[: admitted.root_length]
        self.admitted = admitted
        self._request = request
        self._before = len(before)
        self._around = len(before) + len(after)
        self._start = before + root + b"/"
        self._after = after
        self._shortest = len(root) + 1
        self._longest = longest

    def request_in(self, data: bytes) -> Request | None:
        """What `data` asks, if that is a head like this one but for the target."""
        length = len(data) - self._around
        # The length first, then the ends: no byte is copied before the head is known to be like this one.
        if not (self._shortest <= length <= self._longest):
            return None
        if not (data.startswith(self._start) and data.endswith(self._after)):
            return None
        target = data[self._before : self._before + length]
        if target.translate(None, TARGET_BYTES):  # faster than a regular expression: what is left is not printable
            return None
        like = self._request
        return Request(
            method=like.method,
            target=target,
            scheme=like.scheme,
            client=like.client,
            server=like.server,
        )


def cached_head(data: bytes, target: bytes, request: Request, admitted: Admitted, longest: int) -> CachedHead | None:
    """What `data`, which was read at once, will be known by; None if it is not one whole head with that target."""
    before = request.method.encode() + b" "
    line = before + target + b" HTTP/1.1\r\n"
    # The first empty line is its end: behind an earlier one there would be a body, or another request.
    if not data.startswith(line) or data.find(END) != len(data) - len(END):
        return None
    return CachedHead(request, admitted, before, data[len(before) + len(target) :], longest)
