"""What the library (`websockets`) does for a WebSocket: its protocol without I/O, and compression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from servehttp.front.websocket_frames import COMPRESSED, FINAL, long_head

SIZES_OF_THE_UNFINISHED: Final = ("current_size", "cur_size")
"""Where websockets 17 and those before it keep that a message is under way."""


class PatientServerProtocol(ServerProtocol):
    """Takes a close between the fragments of a message for a close: control frames may come there (RFC 6455 §5.4), and
    nothing that follows counts."""

    def recv_frame(self, frame: Frame) -> None:
        """Handle a frame that was received."""
        if frame.opcode is Opcode.CLOSE:
            for name in SIZES_OF_THE_UNFINISHED:
                if hasattr(self, name):
                    setattr(self, name, None)
        super().recv_frame(frame)

    @property
    def unread(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self.reader.buffer)

    @property
    def between_messages(self) -> bool:
        """Whether a new message begins with what is received next."""
        return not self.reader.buffer and all(getattr(self, name, None) is None for name in SIZES_OF_THE_UNFINISHED)


class Compression:
    """Compresses messages, and inflates them, as it was agreed on with a client.

    Args:
        extensions: the library's.
        max_size: of a message, in bytes.
    """

    def __init__(self, extensions: Sequence[Extension], max_size: int) -> None:
        self._extensions = extensions
        self._max_size = max_size

    def inflate(self, data: bytes, text: bool) -> bytes:
        """The content of a compressed message; raises what the library does where there is none."""
        frame = Frame(Opcode.TEXT if text else Opcode.BINARY, data, True, True)
        for extension in reversed(self._extensions):
            frame = extension.decode(frame, max_size=self._max_size)
        frame.check()
        return bytes(frame.data)

    def deflate(self, data: bytes, text: bool) -> bytes:
        """A message as a compressed frame."""
        frame = Frame(Opcode.TEXT if text else Opcode.BINARY, data)
        for extension in self._extensions:
            frame = extension.encode(frame)
        first = FINAL | (COMPRESSED if frame.rsv1 else 0) | frame.opcode
        return long_head(first, len(frame.data)) + frame.data
