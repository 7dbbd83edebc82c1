"""What a connection is for: read off what its client sends first, before anything of it is answered; no I/O.

Who calls for a connection of its own says so in the bytes that it begins with. A client of gRPC's library begins with
its settings, and waits for the server's before it calls anything.
"""

from __future__ import annotations

from typing import Final

from hpack import Decoder, HPACKError

from mattermost_plugin.http2.endpoint import Endpoint
from mattermost_plugin.http2.errors import Violation
from mattermost_plugin.http2.frames import (
    COMPRESSION_ERROR,
    CONTINUATION,
    ENHANCE_YOUR_CALM,
    FIRST_FRAME_SIZE,
    HEADERS,
)

FIRST_STREAM: Final = 1
MAX_BYTES: Final = 128 * 1024
"""What may come up to the end of the first call's head, which has at most half of it."""


class FirstCall(Endpoint):
    """The beginning of a connection.

    Attributes:
        path: what is called first; empty where that is not known yet, or is not on the first stream.
    """

    def __init__(self) -> None:
        super().__init__(client=False, frame_size=FIRST_FRAME_SIZE)
        self.path = ""
        self._called = False
        self._bytes: list[bytes] = []
        self._size = 0

    @property
    def known(self) -> bool:
        """Whether it is clear what the connection is for: something was called, or nothing was and all is read."""
        return self._called or (self._greeted and not self._unread and self._block is None)

    def receive(self, data: bytes) -> None:
        """Bytes have arrived.

        Raises:
            Violation: they are not what a client may send.
        """
        self._bytes.append(data)
        self._size += len(data)
        self._feed(data)
        if not self.known and self._size > MAX_BYTES:
            raise Violation(ENHANCE_YOUR_CALM, f"more than {MAX_BYTES} bytes, and no call")

    def take_all(self) -> bytes:
        """All that has arrived, for who serves the connection."""
        taken, self._bytes = b"".join(self._bytes), []
        return taken

    def take_frame(self, kind: int, flags: int, stream: int, data: bytes, start: int, end: int) -> None:
        if kind == HEADERS:
            self._begin_block(stream, flags, data[start:end])
        elif kind == CONTINUATION:
            self._continue_block(stream, flags, data[start:end])

    def take_block(self, stream: int, flags: int, block: bytes) -> None:
        try:
            fields = dict(Decoder().decode(block, raw=True))
        except HPACKError as error:
            raise Violation(COMPRESSION_ERROR, f"headers that cannot be read: {error}") from None
        if stream == FIRST_STREAM:
            self.path = fields.get(b":path", b"").decode("latin-1")
        self._called = True
        self._work = 0  # what follows is read by who serves the connection
