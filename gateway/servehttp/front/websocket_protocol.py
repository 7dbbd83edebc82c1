"""uvicorn's WebSocket protocol, with what RFC 6455 allows and its library refuses."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

GOING_AWAY: Final = 1001

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


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection, which goes on when the server is to end, until it is told to `go_away`.

    Args:
        options: uvicorn's arguments.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.conn = PatientServerProtocol(
            extensions=self.conn.available_extensions, max_size=self.config.ws_max_size, logger=self.conn.logger
        )

    def shutdown(self) -> None:
        """The server is to end: the WebSocket may go on for the time that open requests have."""

    def go_away(self) -> None:
        """That time is over: tell both sides, and hang up."""
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
        self.conn.send_close(GOING_AWAY)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
