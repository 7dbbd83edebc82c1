"""One WebSocket exchange as an ASGI cycle.

An application that raises or returns before it accepted refuses the handshake with 500; afterwards the WebSocket is
closed with 1011 when it raised and 1000 when it returned.
"""

from __future__ import annotations

from typing import Final

from mattermost_plugin.asgi.http import FINAL_STATUSES, PLAIN_TEXT, octets
from mattermost_plugin.exchange import Accept, Body, Close, End, Message, PluginExchange, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset, caused_by_disconnect
from mattermost_plugin.headers import checked, end_to_end
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.request_id import current
from mattermost_plugin.task_ends import current_task, ends_task
from mattermost_plugin.types import ASGIApp, Event, Scope

logger = get_logger("mattermost_plugin.asgi")

NORMAL: Final = 1000
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006
INVALID_PAYLOAD: Final = 1007
INTERNAL_ERROR: Final = 1011

SENDABLE_CODES: Final = (frozenset(range(1000, 1015)) - {1004, NO_STATUS, ABNORMAL}) | frozenset(range(3000, 5000))
"""RFC 6455 §7.4 and the IANA registry: codes that may stand in a close frame."""

MAX_REASON: Final = 123
"""Bytes of a close frame's reason: a control frame holds 125, and the code takes two."""


HANDSHAKE: Final = "handshake"
OPEN: Final = "open"
REFUSING: Final = "refusing"
CLOSED: Final = "closed"


class WebSocketCycle:
    """The `receive` and `send` of one WebSocket.

    Attributes:
        phase: how far it has come: `HANDSHAKE`, `OPEN`, `REFUSING` while an HTTP response instead of an acceptance is
            being sent, `CLOSED`.
    """

    def __init__(self, exchange: PluginExchange) -> None:
        self.exchange = exchange
        self.phase = HANDSHAKE
        self.connect_due = True
        self.disconnected = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run the application to its end."""
        current.set(self.exchange.request.request_id.decode("latin-1"))
        task = current_task()
        code = NORMAL
        try:
            result = await app(scope, self.receive, self.send)
        except BaseException as error:  # the border to the application: answered and logged here
            if ends_task(error, task):
                raise
            code = INTERNAL_ERROR
            self._log(error, scope)
        else:
            self._check_end(result)
        await self._finish(code)  # here: compiled code that waits in an `except` leaves its exception with others
        self.exchange.reset(ResetCode.NO_ERROR)

    def _log(self, error: BaseException, scope: Scope) -> None:
        if self.disconnected and caused_by_disconnect(error):
            logger.debug("%s: the client went away", scope["path"])
        else:
            what = {"method": "WEBSOCKET", "path": scope["path"]}  # the id comes by itself
            logger.exception("Exception in ASGI application", extra=what)

    def _check_end(self, result: object) -> None:
        if result is not None:
            logger.error("ASGI callable should return None, but returned %r", result)
        if self.phase == HANDSHAKE and not self.disconnected:
            logger.error("ASGI callable returned without sending handshake")

    async def _finish(self, code: int) -> None:
        """Ends, in the way the phase allows, what the application left open."""
        if self.disconnected or self.phase == CLOSED:
            return
        try:
            if self.phase == OPEN:
                await self.exchange.send(Close(code))
            elif self.phase == HANDSHAKE:
                await self._refuse(500, b"Internal Server Error")
            else:
                self.exchange.reset(ResetCode.INTERNAL, "the application did not complete its response")
        except ExchangeReset:
            self.disconnected = True

    async def _refuse(self, status: int, text: bytes = b"") -> None:
        self.phase = CLOSED
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
            return _disconnect(ABNORMAL)
        try:
            part = await self.exchange.receive()
        except ExchangeReset:
            self.disconnected = True
            return _disconnect(ABNORMAL)
        if not isinstance(part, Message):
            assert isinstance(part, Close), f"a gateway sends no {type(part).__name__} here"
            return await self._leave(part)
        if not part.text:
            return {"type": "websocket.receive", "bytes": part.data, "text": None}
        text = _decoded(part.data)
        if text is None:
            return await self._leave(Close(INVALID_PAYLOAD, "text that is not UTF-8"))
        return {"type": "websocket.receive", "text": text, "bytes": None}

    async def _leave(self, close: Close) -> Event:
        """The client has closed, or is not listened to any more."""
        self.disconnected = True
        if self.phase == OPEN:
            try:
                await self.exchange.send(close)
            except ExchangeReset:
                return _disconnect(ABNORMAL)
        return _disconnect(close.code or NO_STATUS, close.reason)

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
            if self.phase == OPEN and event["type"] == "websocket.send":
                await self.exchange.send(_message(event))
            else:
                await self._send(event)
        except ExchangeReset:
            self.disconnected = True
            raise

    async def _send(self, event: Event) -> None:
        phase, kind = self.phase, event["type"]
        if phase == HANDSHAKE and kind == "websocket.accept":
            headers = end_to_end(checked(event.get("headers", ())))
            await self.exchange.send(Accept(headers, _subprotocol(event)))
            self.phase = OPEN
        elif phase == HANDSHAKE and kind == "websocket.close":
            await self._refuse(403)
        elif phase == HANDSHAKE and kind == "websocket.http.response.start":
            await self._send_refusal(event)
        elif phase == REFUSING and kind == "websocket.http.response.body":
            await self._send_refusal_body(event)
        elif phase == OPEN and kind == "websocket.close":
            close = _close(event)
            self.phase = CLOSED
            await self.exchange.send(close)
        else:
            raise RuntimeError(f"Unexpected ASGI message '{kind}' on a WebSocket that is in phase '{phase}'.")

    async def _send_refusal(self, event: Event) -> None:
        status = int(event["status"])
        if status not in FINAL_STATUSES:
            raise ValueError(f"a response status is 200 to 999, not {status}")
        await self.exchange.send(Response(status, end_to_end(checked(event.get("headers", ())))))
        self.phase = REFUSING

    async def _send_refusal_body(self, event: Event) -> None:
        if data := octets(event.get("body") or b""):
            await self.exchange.send(Body(data))
        if not event.get("more_body", False):
            self.phase = CLOSED
            await self._end_refusal()

    async def _end_refusal(self) -> None:
        await self.exchange.send(End())
        self.exchange.reset(ResetCode.NO_ERROR)  # wakes whoever waits in `receive`: nothing will come


def _disconnect(code: int, reason: str = "") -> Event:
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


def _decoded(data: bytes) -> str | None:
    """Text, or None if it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


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
