"""One stream: what is open of it, its windows, and what waits to be sent."""

from __future__ import annotations

from collections import deque
from typing import Any

from mattermost_plugin.credit import Window
from mattermost_plugin.http2.header_blocks import Fields
from mattermost_plugin.http2.messages import PREFIX_SIZE, prefix
from mattermost_plugin.http2.statuses import OK

JOINED = 1024
"""Bytes up to which a message is joined with its prefix: larger ones are not copied for five bytes."""


class Stream:
    """One call, as one end keeps it.

    Args:
        window: what the peer may send.
        send_window: what it takes.

    Attributes:
        id: its number; 0 while it waits to be begun (client).
        path: what is called.
        owner: whatever its user wants to find here.
        gone: nothing is sent or received any more.
    """

    __slots__ = (
        "assembled",
        "assembly",
        "ending",
        "gone",
        "head_block",
        "id",
        "local_open",
        "offset",
        "owner",
        "path",
        "queued",
        "remote_open",
        "responding",
        "scheduled",
        "send_window",
        "status",
        "text",
        "trailers",
        "unread",
        "waiting",
        "window",
    )

    def __init__(self, id: int, path: str, window: Window, send_window: int) -> None:
        self.id = id
        self.path = path
        self.owner: Any = None
        self.gone = False
        # What is sent
        self.local_open = True
        self.responding = False  # the response's head was sent (server), or has come (client)
        self.send_window = send_window
        self.waiting: deque[bytes] = deque()
        self.offset = 0  # of the first that waits, where a part of it has left
        self.queued = 0
        self.scheduled = False
        self.ending = False  # nothing follows what waits
        self.head_block = b""
        self.status = OK
        self.text = ""
        self.trailers: Fields = ()
        # What is received
        self.remote_open = True
        self.window = window
        self.unread = 0  # credit of messages that were handed out and not consumed
        self.assembly = bytearray()
        self.assembled = 0  # credit that was returned of what is in the assembly

    @property
    def sendable(self) -> bool:
        """Something is to be sent that waits for no window of this stream."""
        return bool(self.waiting and self.send_window > 0) or (self.ending and not self.waiting and self.local_open)

    def put(self, pieces: list[bytes]) -> None:
        """Queue a message, which may be in pieces."""
        size = 0
        for piece in pieces:
            size += len(piece)
        if size <= JOINED:
            self.waiting.append(prefix(size) + b"".join(pieces))
        else:
            self.waiting.append(prefix(size))
            self.waiting += pieces
        self.queued += size + PREFIX_SIZE

    def take(self, size: int) -> list[bytes]:
        """Up to so many bytes of what waits, in pieces."""
        pieces: list[bytes] = []
        while size > 0 and self.waiting:
            piece = self.waiting[0]
            left = len(piece) - self.offset
            if left <= size:
                self.waiting.popleft()
                pieces.append(piece[self.offset :] if self.offset else piece)
                self.offset = 0
                size -= left
            else:
                pieces.append(piece[self.offset : self.offset + size])
                self.offset += size
                size = 0
        return pieces

    def drop(self) -> None:
        """Send and receive nothing more."""
        self.gone = True
        self.local_open = self.remote_open = False
        self.waiting.clear()
        self.queued = self.offset = 0
        self.assembly.clear()
        self.window.release()
