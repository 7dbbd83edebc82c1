"""uvicorn's WebSocket protocol, with what RFC 6455 allows and its library refuses."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from servehttp.front.websocket_budget import WebSocketBudget

GOING_AWAY: Final = 1001
TRY_AGAIN_LATER: Final = 1013

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

    What is answered by itself, such as a ping, is answered only to a client that reads: while it does not, nothing is
    read from it either.

    Args:
        budget: what all WebSockets may hold of messages together.
        options: uvicorn's arguments.
    """

    def __init__(self, budget: WebSocketBudget, **options: Any) -> None:
        super().__init__(**options)
        self._budget = budget
        self._address = ""
        self._open_message = 0
        self._waiting: deque[int] = deque()  # the sizes of the messages in uvicorn's queue
        self._exceeded = False
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
        self._hang_up(GOING_AWAY)

    # A client that does not read

    def pause_writing(self) -> None:
        """The client does not keep up."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """ASGI: the client's next message, or its end."""
        event = await super().receive()
        if event["type"] == "websocket.receive" and self._waiting:
            self._budget.release(self._address, self._waiting.popleft())
        if not self.writable.is_set() and not self.transport.is_closing():
            self.transport.pause_reading()
        return event

    # What is held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""

    def connection_lost(self, exc: Exception | None) -> None:
        self._release_all()
        super().connection_lost(exc)

    def handle_text(self, event: Frame) -> None:
        self._hold(event)
        super().handle_text(event)
        self._bound()

    def handle_bytes(self, event: Frame) -> None:
        self._hold(event)
        super().handle_bytes(event)
        self._bound()

    def handle_cont(self, event: Frame) -> None:
        self._hold(event)
        super().handle_cont(event)
        self._bound()

    def send_receive_event_to_app(self) -> None:
        size, self._open_message = self._open_message, 0
        if self.close_sent:  # uvicorn drops it
            self._budget.release(self._address, size)
        else:
            self._waiting.append(size)
        super().send_receive_event_to_app()

    def _hold(self, event: Frame) -> None:
        self._open_message += len(event.data)
        self._exceeded = not self._budget.hold(self._address, len(event.data))

    def _bound(self) -> None:
        """Beyond the budget the WebSocket ends: there is no room now, and its client may try again later."""
        if not self._exceeded or self.close_sent:
            return
        self._exceeded = False
        self._release_all()
        self.frames = []
        self._hang_up(TRY_AGAIN_LATER, "too much is held of messages that are not complete")

    def _release_all(self) -> None:
        self._budget.release(self._address, self._open_message + sum(self._waiting))
        self._open_message = 0
        self._waiting.clear()

    def _hang_up(self, code: int, reason: str = "") -> None:
        self.stop_keepalive()
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
