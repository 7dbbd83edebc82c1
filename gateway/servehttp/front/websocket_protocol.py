"""uvicorn's WebSocket protocol, with what RFC 6455 allows and its library refuses, and with a fast path.

By the fast path (`servehttp.front.websocket_direct`) messages of one frame are read without the library; it gets
everything else, and knows the connection's state.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame
from websockets.http11 import Request as Handshake
from websockets.protocol import State

from mattermost_plugin.exchange import Headers, Message, Request
from servehttp.front.access_log import RequestRecord
from servehttp.front.admission import Admission
from servehttp.front.client_connections import ClientConnections
from servehttp.front.headers import new_request_id
from servehttp.front.http_connection import address_of, render
from servehttp.front.responses import RETRY_AFTER, Refusal
from servehttp.front.routing import PREFIX
from servehttp.front.websocket_budget import WebSocketBudget
from servehttp.front.websocket_direct import Deflate, DirectWebSocket
from servehttp.front.websocket_endings import ABNORMAL, INTERNAL_ERROR, TOO_LARGE
from servehttp.front.websocket_frames import FrameReader
from servehttp.front.websocket_library import Compression, PatientServerProtocol
from servehttp.front.websocket_refusal import RefusalWriter

PREFIX_TEXT: Final = PREFIX.decode()

GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
INVALID_DATA: Final = 1007
TRY_AGAIN_LATER: Final = 1013

START: Final = "websocket.http.response.start"
BODY: Final = "websocket.http.response.body"
STATUSES: Final = range(100, 600)


class Notices:
    """In the place of the queue of an application: a WebSocket on the fast path is told when its client has left."""

    def __init__(self, direct: DirectWebSocket) -> None:
        self._direct = direct

    def put_nowait(self, event: Any) -> None:
        """What uvicorn has to say."""
        if event["type"] == "websocket.disconnect":
            if event.get("stopped"):
                self._direct.server_stops()
            self._direct.client_left(event["code"], event.get("reason") or "")


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection, which goes on when the server is to end, until it is told to `go_away`.

    What is answered by itself, such as a ping, is answered only to a client that reads: while it does not, nothing is
    read from it either.

    Args:
        budget: what all WebSockets may hold of messages together.
        admission: the front's, if WebSockets may take the fast path.
        options: uvicorn's arguments.

    Attributes:
        budget: as given.
    """

    def __init__(
        self, budget: WebSocketBudget, clients: ClientConnections, admission: Admission | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.budget = budget
        self._clients = clients
        self._admission = admission
        self._address = ""
        self._open_message = 0
        self._unread = 0
        self._exceeded = False
        self._early: list[bytes] = []
        """What came behind the handshake before that was answered."""
        self._refusal: RefusalWriter | None = None
        # On the ASGI path
        self._waiting: deque[int] = deque()  # the sizes of the messages in uvicorn's queue
        # On the fast path
        self._direct: DirectWebSocket | None = None
        self._reader = FrameReader(self.config.ws_max_size, None)
        self._queued: deque[Message] = deque()  # messages that the library has read
        self._in_library = False
        self._handing_over = False
        self._lost = False
        self._library = PatientServerProtocol(
            extensions=self.conn.available_extensions, max_size=self.config.ws_max_size, logger=self.conn.logger
        )
        self.conn = self._library

    def shutdown(self) -> None:
        """The server is to end: the WebSocket may go on for the time that open requests have."""

    @property
    def open_record(self) -> RequestRecord | None:
        """What is known of its exchange, on the fast path, while that is open."""
        direct = self._direct
        return None if direct is None or direct.over else direct.record

    def go_away(self) -> None:
        """That time is over: tell both sides, and hang up."""
        if self.handshake_complete and not self.close_sent:
            self._hang_up(GOING_AWAY, stopped=True)
            return
        if not (self.close_sent or self._refusal or self.transport.is_closing()):
            refusal = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the gateway is stopping", None, RETRY_AFTER)
            self.transport.write(render(refusal, new_request_id()))
            self.close_sent = True
        self.transport.close()

    # The handshake

    def handle_connect(self, event: Handshake) -> None:
        """The handshake has come."""
        if not self._connect_directly(event):
            super().handle_connect(event)

    def _connect_directly(self, event: Handshake) -> bool:
        """Take the fast path, if it can be taken."""
        if self._admission is None or self.root_path or not event.path.startswith(PREFIX_TEXT):
            return False
        self.response = self.conn.accept(event)
        if self.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return False
        direct = DirectWebSocket(self, self._admission, self._request(event))
        queue, self.queue = self.queue, Notices(direct)  # type: ignore[assignment]  # as much of a queue as is used
        self._direct = direct
        self.handshake_initiated = True
        if not direct.begin():
            self._direct, self.queue = None, queue
            return False
        return True

    def _request(self, event: Handshake) -> Request:
        return Request(
            method="GET",
            target=event.path.encode("ascii"),
            headers=[(name.encode("ascii"), _octets(value)) for name, value in event.headers.raw_items()],
            scheme="https" if self.scheme == "wss" else "http",
            client=self.client,
            server=(self.server[0], self.server[1] or 0) if self.server else None,
            websocket=True,
        )

    def accept(self, subprotocol: str, headers: Headers) -> Deflate | None:
        """Complete the handshake (for a `DirectWebSocket`)."""
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        if subprotocol:
            fields.append(("Sec-WebSocket-Protocol", subprotocol))
        del self.response.headers["Date"]
        self.response.headers.update(fields)
        max_size, extensions = self.config.ws_max_size, self.conn.extensions
        compression = Compression(extensions, max_size) if extensions else None
        self._reader = FrameReader(max_size, compression.inflate if compression else None)
        self.handshake_complete = True
        self.conn.send_response(self.response)
        self._write_output()
        self.start_keepalive()
        self._read_early()
        return compression.deflate if compression else None

    def begin_refusal(self, status: int, headers: Headers) -> None:
        """Begin a response in the place of an acceptance."""
        self._refusal = RefusalWriter(status, headers)
        self.initial_response = status, [], b""  # nothing else can be the answer any more, uvicorn is to know
        self.write(self._refusal.head)

    def continue_refusal(self, data: bytes) -> None:
        """A piece of its body."""
        if self._refusal is not None:
            self.write(self._refusal.piece(data))

    def end_refusal(self) -> None:
        """It is complete, and so is the connection."""
        if self._refusal is not None:
            self.write(self._refusal.end)
        self.close_sent = True
        self.transport.close()

    def break_off(self) -> None:
        """It cannot be completed, as its framing tells the client."""
        self.transport.close()

    # The ASGI path

    async def send(self, message: Any) -> None:
        """ASGI: a message to the client, or an answer to its handshake."""
        kind = message["type"]
        if kind == START and not (self.handshake_complete or self._refusal):
            if message["status"] not in STATUSES:
                raise RuntimeError(f"Invalid HTTP status code '{message['status']}' in response.")
            self.begin_refusal(message["status"], message.get("headers", ()))
        elif kind == BODY and self._refusal is not None and not self.close_sent:
            await self._send_refusal(message)
        elif self._refusal is not None:
            raise RuntimeError(f"Unexpected ASGI message '{kind}' where a WebSocket is refused.")
        else:
            await super().send(message)
            if self._early and self.handshake_complete:
                self._read_early()

    async def _send_refusal(self, message: Any) -> None:
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        self.continue_refusal(message.get("body", b""))
        if not message.get("more_body", False):
            self.queue.put_nowait({"type": "websocket.disconnect", "code": ABNORMAL})
            self.end_refusal()

    async def receive(self) -> Any:
        """ASGI: the client's next message, or its end."""
        event = await super().receive()
        if event["type"] == "websocket.receive" and self._waiting:
            self.budget.release(self._address, self._waiting.popleft())
        if not self.writable.is_set() and not self.transport.is_closing():
            self.transport.pause_reading()
        return event

    # A client that does not read

    def pause_writing(self) -> None:
        """The client does not keep up."""
        super().pause_writing()
        self.transport.pause_reading()
        if self._direct is not None:
            self._direct.write_paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()
        if self._direct is not None:
            self._direct.resume()

    # What is received

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self.handshake_complete:
            self._early.append(data)
            self.read_paused = True
            self.transport.pause_reading()
        elif self._direct is None or self._in_library or self.close_sent:
            self._read_by_library(data)
            self.hand_over()
            self._count_unread()
        else:
            self._reader.feed(data)
            self.hand_over()

    def _read_early(self) -> None:
        """What came before the handshake was answered can be read now."""
        early, self._early = b"".join(self._early), []
        if early:
            self.data_received(early)
        if self._direct is None and self.read_paused and not self._waiting and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    def _read_by_library(self, data: bytes) -> None:
        """Let the library read; what was received before something that is wrong counts."""
        self._in_library = True
        self._release_unread()  # it may become a message now, which is counted then
        self.conn.receive_data(data)
        self.handle_events()
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
        self._in_library = not self._library.between_messages

    def hand_over(self) -> None:
        """Give what was read to the fast path, as long as that takes it."""
        direct = self._direct
        if direct is None or self._handing_over:
            return
        self._handing_over = True
        try:
            self._hand_over(direct)
        finally:
            self._handing_over = False
        if direct.over or (self._lost and not direct.blocked):
            self._drop_read()
        if self._unread or self._reader.held:
            self._count_unread()
        self._pace(direct.blocked)

    def _hand_over(self, direct: DirectWebSocket) -> None:
        while not (direct.blocked or direct.over):
            if self._queued:
                direct.receive([self._next_queued()])
            elif messages := self._reader.messages():
                direct.receive(messages)
            elif not self._read_other():
                direct.caught_up()
                break

    def _next_queued(self) -> Message:
        message = self._queued.popleft()
        self.budget.release(self._address, len(message.data))
        return message

    def _read_other(self) -> bool:
        """Have what is next read, if it is no message of one frame; whether there was anything."""
        if self._reader.library_due:
            self._read_by_library(self._reader.take_rest())
            return True
        if self._reader.error is not None and not self.close_sent:
            self._fail(self._reader.error)
            return True
        return False

    def _drop_read(self) -> None:
        """Nobody takes what was read any more, but a client's close ends the connection."""
        while self._queued:
            self._next_queued()
        rest = self._reader.take_rest()
        if rest and not self.transport.is_closing():
            self._read_by_library(rest)

    def _pace(self, blocked: bool) -> None:
        if blocked == self.read_paused or self.transport.is_closing():
            return
        self.read_paused = blocked
        if blocked:
            self.transport.pause_reading()
        elif self.writable.is_set():
            self.transport.resume_reading()

    # What is held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._release_all()
        self._clients.leave(address_of(self.client))  # as which it entered when it was HTTP's
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
        if self.close_sent or (self._direct is not None and self._direct.over):
            self.budget.release(self._address, size)
            self.frames = []
        elif self._direct is not None:
            self._queue_message(size)
        else:
            self._waiting.append(size)
            super().send_receive_event_to_app()

    def _queue_message(self, size: int) -> None:
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        text = self.curr_msg_data_type == "text"
        try:
            if text and not data.isascii():
                data.decode()
        except UnicodeDecodeError as error:
            self.budget.release(self._address, size)
            self._fail(error)
        else:
            self._queued.append(Message(bytes(data), text))

    def _hold(self, event: Frame) -> None:
        self._open_message += len(event.data)
        self._exceeded = not self.budget.hold(self._address, len(event.data))

    def _count_unread(self) -> None:
        """Count what was read and is no message yet, or waits behind those that the plugin does not take."""
        self._release_unread()
        unread = self._unread = self._reader.held + self._library.unread
        if unread:
            self._exceeded = not self.budget.hold(self._address, unread)
            self._bound()

    def _release_unread(self) -> None:
        self.budget.release(self._address, self._unread)
        self._unread = 0

    def _bound(self) -> None:
        """Beyond the budget the WebSocket ends: there is no room now, and its client may try again later."""
        if not self._exceeded or self.close_sent:
            return
        self._exceeded = False
        self._release_all()
        self.frames = []
        self._reader.take_rest()
        self._hang_up(TRY_AGAIN_LATER, "too much is held of messages that are not complete")

    def _release_all(self) -> None:
        """But for what waits for the plugin on the fast path: that is still to be handed over."""
        self.budget.release(self._address, self._open_message + self._unread + sum(self._waiting))
        self._open_message = self._unread = 0
        self._waiting.clear()

    # Ends

    def close(self, code: int, reason: str) -> None:
        """Begin to close the WebSocket in order (for a `DirectWebSocket`)."""
        if self.close_sent or self.transport.is_closing():
            return
        self.close_sent = True
        self.conn.send_close(code, reason)
        self._write_output()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def _hang_up(self, code: int, reason: str = "", *, stopped: bool = False) -> None:
        self.stop_keepalive()
        self.close_sent = True
        if self.conn.state is State.OPEN:
            self.conn.send_close(code, reason)
        self._write_output()
        self.transport.close()
        event: Any = {"type": "websocket.disconnect", "code": code, "reason": reason, "stopped": stopped}
        self.queue.put_nowait(event)

    def _fail(self, error: Exception) -> None:
        """What was received cannot be read: as the library does where it has read it itself."""
        if isinstance(error, UnicodeDecodeError):
            self.conn.fail(INVALID_DATA)
        elif isinstance(error, PayloadTooBig):
            self.conn.fail(TOO_LARGE, str(error))
        elif isinstance(error, ProtocolError):
            self.conn.fail(PROTOCOL_ERROR, str(error))
        else:
            self.logger.error("reading a message failed", exc_info=error)
            self.conn.fail(INTERNAL_ERROR)
        self.handle_parser_exception()

    # Frames

    def write(self, data: bytes) -> None:
        """Send what is no frame of the library's."""
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def _write_output(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))


def _octets(value: str) -> bytes:
    """A header's value as it came; websockets before 17 escapes what is not ASCII."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("ascii", "surrogateescape")
