"""One WebSocket exchange as an ASGI cycle.

An application that raises or returns before it accepted refuses the handshake with 500; afterwards the WebSocket is
closed with 1011 when it raised and 1000 when it returned.
"""

from __future__ import annotations

import enum

from mattermost_plugin.asgi.http import FINAL_STATUSES, PLAIN_TEXT, octets
from mattermost_plugin.exchange import Accept, Body, Close, End, Message, PluginExchange, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset, caused_by_disconnect
from mattermost_plugin.headers import checked, end_to_end
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.request_id import current
from mattermost_plugin.task_ends import current_task, ends_task
from mattermost_plugin.types import ASGIApp, Event, Scope

logger = get_logger("mattermost_plugin.asgi")

NORMAL = 1000
NO_STATUS = 1005
ABNORMAL = 1006
INVALID_PAYLOAD = 1007
INTERNAL_ERROR = 1011

SENDABLE_CODES = (frozenset(range(1000, 1015)) - {1004, NO_STATUS, ABNORMAL}) | frozenset(range(3000, 5000))
"""RFC 6455 §7.4 and the IANA registry: codes that may stand in a close frame."""

MAX_REASON = 123
"""Bytes of a close frame's reason: a control frame holds 125, and the code takes two."""


class Phase(enum.Enum):
    """How far the WebSocket has come."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    REFUSING = "refusing"
    """An HTTP response instead of an acceptance is being sent."""
    CLOSED = "closed"


class WebSocketCycle:
    """The `receive` and `send` of one WebSocket."""

    def __init__(self, exchange: PluginExchange) -> None:
        self.exchange = exchange
        self.phase = Phase.HANDSHAKE
        self.connect_due = True
        self.disconnected = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run the application to its end."""
        current.set(self.exchange.request.request_id.decode("latin-1"))
        task = current_task()
        try:
            result = await app(scope, self.receive, self.send)
        except BaseException as error:  # the border to the application: answered and logged here
            if ends_task(error, task):
                raise
            if self.disconnected and caused_by_disconnect(error):
                logger.debug("%s: the client went away", scope["path"])
            else:
                logger.exception("Exception in ASGI application")
                await self._finish(INTERNAL_ERROR)
        else:
            if result is not None:
                logger.error("ASGI callable should return None, but returned %r", result)
            if self.phase is Phase.HANDSHAKE and not self.disconnected:
                logger.error("ASGI callable returned without sending handshake")
            await self._finish(NORMAL)
        self.exchange.reset(ResetCode.NO_ERROR)

    async def _finish(self, code: int) -> None:
        """Ends, in the way the phase allows, what the application left open."""
        try:
            if self.disconnected or self.phase is Phase.CLOSED:
                return
            if self.phase is Phase.OPEN:
                await self.exchange.send(Close(code))
            elif self.phase is Phase.HANDSHAKE:
                await self._refuse(500, b"Internal Server Error")
            else:
                self.exchange.reset(ResetCode.INTERNAL, "the application did not complete its response")
        except ExchangeReset:
            self.disconnected = True

    async def _refuse(self, status: int, text: bytes = b"") -> None:
        self.phase = Phase.CLOSED
        length = (b"content-length", b"%d" % len(text))
        await self.exchange.send(Response(status, [PLAIN_TEXT, length] if text else [length]))
        if text:
            await self.exchange.send(Body(text))
        await self._end_refusal()

    async def receive(self) -> Event:
        """The connection, the client's next message, or its leaving."""
        if self.connect_due:
            self.connect_due = False
            return {"type": "websocket.connect"}
        if self.disconnected:
            return {"type": "websocket.disconnect", "code": ABNORMAL, "reason": ""}
        try:
            part = await self.exchange.receive()
            return await self._event(part)
        except ExchangeReset:
            self.disconnected = True
            return {"type": "websocket.disconnect", "code": ABNORMAL, "reason": ""}

    async def _event(self, part: object) -> Event:
        if isinstance(part, Close):
            self.disconnected = True
            if self.phase is Phase.OPEN:
                await self.exchange.send(Close(part.code, part.reason))
            return {"type": "websocket.disconnect", "code": part.code or NO_STATUS, "reason": part.reason}
        assert isinstance(part, Message), f"a gateway sends no {type(part).__name__} here"
        if not part.text:
            return {"type": "websocket.receive", "bytes": part.data, "text": None}
        try:
            return {"type": "websocket.receive", "text": part.data.decode(), "bytes": None}
        except UnicodeDecodeError:
            self.disconnected = True
            await self.exchange.send(Close(INVALID_PAYLOAD, "text that is not UTF-8"))
            return {"type": "websocket.disconnect", "code": INVALID_PAYLOAD, "reason": "text that is not UTF-8"}

    async def send(self, event: Event) -> None:
        """Accept, refuse, a message, or the end.

        Raises:
            OSError: the client has gone.
            RuntimeError: the event is not allowed now.
            ValueError: a status or header is impossible.
        """
        if self.disconnected:
            raise ExchangeReset(ResetCode.CANCELLED, "the client went away")
        try:
            await self._send(event)
        except ExchangeReset:
            self.disconnected = True
            raise

    async def _send(self, event: Event) -> None:
        match self.phase, event["type"]:
            case Phase.HANDSHAKE, "websocket.accept":
                headers = end_to_end(checked(event.get("headers", ())))
                await self.exchange.send(Accept(headers, _subprotocol(event)))
                self.phase = Phase.OPEN
            case Phase.HANDSHAKE, "websocket.close":
                await self._refuse(403)
            case Phase.HANDSHAKE, "websocket.http.response.start":
                await self._send_refusal(event)
            case Phase.REFUSING, "websocket.http.response.body":
                await self._send_refusal_body(event)
            case Phase.OPEN, "websocket.send":
                await self.exchange.send(_message(event))
            case Phase.OPEN, "websocket.close":
                close = _close(event)
                self.phase = Phase.CLOSED
                await self.exchange.send(close)
            case phase, kind:
                raise RuntimeError(f"Unexpected ASGI message '{kind}' on a WebSocket that is in phase '{phase.value}'.")

    async def _send_refusal(self, event: Event) -> None:
        status = int(event["status"])
        if status not in FINAL_STATUSES:
            raise ValueError(f"a response status is 200 to 999, not {status}")
        await self.exchange.send(Response(status, end_to_end(checked(event.get("headers", ())))))
        self.phase = Phase.REFUSING

    async def _send_refusal_body(self, event: Event) -> None:
        if data := octets(event.get("body") or b""):
            await self.exchange.send(Body(data))
        if not event.get("more_body", False):
            self.phase = Phase.CLOSED
            await self._end_refusal()

    async def _end_refusal(self) -> None:
        await self.exchange.send(End())
        self.exchange.reset(ResetCode.NO_ERROR)  # wakes whoever waits in `receive`: nothing will come


def _subprotocol(event: Event) -> str:
    subprotocol: str = event.get("subprotocol") or ""
    checked([(b"sec-websocket-protocol", subprotocol.encode("ascii"))])
    return subprotocol


def _close(event: Event) -> Close:
    code, reason = event.get("code") or NORMAL, event.get("reason") or ""
    if code not in SENDABLE_CODES:
        raise ValueError(f"a WebSocket cannot be closed with code {code!r}")
    if len(reason.encode()) > MAX_REASON:
        raise ValueError(f"a WebSocket cannot be closed with a reason of more than {MAX_REASON} bytes")
    return Close(int(code), reason)


def _message(event: Event) -> Message:
    data, text = event.get("bytes"), event.get("text")
    if data is not None:
        return Message(octets(data))
    if text is None:
        raise RuntimeError("websocket.send needs 'bytes' or 'text'")
    return Message(text.encode(), text=True)
