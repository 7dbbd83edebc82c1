"""One WebSocket through an exchange: both directions at once.

A plugin that fails before it accepted refuses the handshake with 502; afterwards the client sees close code 1011, or
1012 where the whole plugin was stopped or lost, and may be back soon.
"""

from __future__ import annotations

import asyncio
import contextlib

from mattermost_plugin.exchange import Accept, Body, Close, Exchange, Message, Reset, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.headers import InvalidHeader, checked, end_to_end
from mattermost_plugin.types import Event, Receive, Send
from servehttp.front import responses
from servehttp.front.access_log import RequestRecord
from servehttp.front.endings import Outcome, Refused, ending
from servehttp.front.rules import ResponseRules

SWITCHING_PROTOCOLS = 101
CLIENT_GONE = 1001
NO_STATUS = 1005
ABNORMAL = 1006
TOO_LARGE = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012

CLOSE_CODES = {ResetCode.LIMIT: TOO_LARGE, ResetCode.CANCELLED: SERVICE_RESTART}
"""How an open WebSocket ends with its exchange, where that is not the application's failure."""

UNSENDABLE = frozenset((NO_STATUS, ABNORMAL))
"""Close codes that only say what was seen, and are never sent (RFC 6455 §7.4.1)."""


class WebSocketForward:
    """Carries one WebSocket over one exchange.

    Args:
        exchange: the way to the plugin.
        receive: ASGI, from the client.
        send: ASGI, to the client.
        accept_timeout: seconds that the plugin has to accept or refuse.
        record: what the access log will say.
        rules: what a response that refuses keeps to.
        can_refuse: whether the server can refuse a handshake with a response of ours.
    """

    def __init__(
        self,
        exchange: Exchange,
        receive: Receive,
        send: Send,
        accept_timeout: float,
        record: RequestRecord,
        rules: ResponseRules,
        *,
        can_refuse: bool,
    ) -> None:
        self.exchange = exchange
        self.receive = receive
        self.send = send
        self.accept_timeout = accept_timeout
        self.record = record
        self.rules = rules
        self.can_refuse = can_refuse
        self.open = False
        self.client_gone = False

    async def run(self) -> None:
        """Carry the WebSocket to its end.

        Raises:
            Refused: the plugin took nothing of it, and the handshake is not answered.
        """
        upload = asyncio.create_task(self._upload())
        try:
            async with asyncio.timeout(self.accept_timeout) as deadline:
                answer = await self.exchange.receive()
                deadline.reschedule(None)
                await self._answer(answer)
        except TimeoutError:
            self.exchange.reset(ResetCode.TIMEOUT, "the handshake was not answered")
            await self._give_up(Reset(ResetCode.TIMEOUT), "no answer in time")
        except InvalidHeader as error:
            self.exchange.reset(ResetCode.PROTOCOL, str(error))
            await self._give_up(Reset(ResetCode.PROTOCOL, str(error)), str(error))
        except ExchangeReset as reset:
            await self._give_up(Reset(reset.code, reset.reason), str(reset))
        finally:
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)
            self.exchange.reset(ResetCode.CANCELLED)

    # To the plugin

    async def _upload(self) -> None:
        with contextlib.suppress(ExchangeReset):  # the download sees the same, and decides what the client gets
            while True:
                event = await self.receive()
                if event["type"] == "websocket.disconnect":
                    await self._leave(event)
                    return
                if event["type"] == "websocket.receive":
                    message = _message(event)
                    self.record.bytes_in += len(message.data)
                    await self.exchange.send(message)

    async def _leave(self, event: Event) -> None:
        """A client that closed in order is reported as such, one that vanished as a reset."""
        self.client_gone = True
        code = event.get("code") or NO_STATUS
        if code == ABNORMAL or not self.open:
            self.exchange.reset(ResetCode.CANCELLED, "the client went away")
        else:
            await self.exchange.send(Close(code, event.get("reason") or ""))

    # To the client

    async def _answer(self, part: object) -> None:
        if isinstance(part, Accept):
            await self._accept(part)
            await self._download()
        elif isinstance(part, Response):
            await self._refuse(part)
        else:
            raise ExchangeReset(ResetCode.PROTOCOL, f"{type(part).__name__} in answer to a handshake")

    async def _accept(self, part: Accept) -> None:
        headers = self.rules.own_cookies(end_to_end(checked(part.headers)))
        await self.send({"type": "websocket.accept", "subprotocol": part.subprotocol or None, "headers": headers})
        self.open = True
        self.record.begin_response(SWITCHING_PROTOCOLS)

    async def _download(self) -> None:
        while True:
            part = await self.exchange.receive()
            if isinstance(part, Message):
                self.record.bytes_out += len(part.data)
                await self.send(_event(part))
            else:
                await self._close(part)
                return

    async def _close(self, part: object) -> None:
        if self.client_gone or not isinstance(part, Close):
            return
        code = NO_STATUS if part.code in UNSENDABLE else part.code
        await self.send({"type": "websocket.close", "code": 1000 if code == NO_STATUS else code, "reason": part.reason})

    async def _refuse(self, response: Response) -> None:
        headers = self.rules.head(response).headers_for(self.exchange.request.request_id)
        self.record.begin_response(response.status)
        if not self.can_refuse:
            await self.send({"type": "websocket.close", "code": CLIENT_GONE})
            return
        await self.send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
        while isinstance(part := await self.exchange.receive(), Body):
            await self.send({"type": "websocket.http.response.body", "body": part.data, "more_body": True})
        await self.send({"type": "websocket.http.response.body", "body": b"", "more_body": False})

    async def _give_up(self, reset: Reset, problem: str) -> None:
        """As the table of endings says of a handshake; a WebSocket that is open is closed."""
        if self.client_gone:
            return
        if self.open:
            self.record.problem = problem
            await self.send({"type": "websocket.close", "code": CLOSE_CODES.get(reset.code, INTERNAL_ERROR)})
            return
        end = ending(reset, self.rules.plugin_id, started=False, body_begun=self.record.bytes_in > 0)
        if end.outcome is Outcome.OFFER_AGAIN:
            raise Refused(problem)
        self.record.problem = problem
        assert end.refusal is not None, "a handshake that was not accepted is answered"
        request_id = self.exchange.request.request_id
        await refuse_websocket(end.refusal, self.send, self.record, request_id, can_refuse=self.can_refuse)


async def refuse_websocket(
    refusal: responses.Refusal, send: Send, record: RequestRecord, request_id: bytes, *, can_refuse: bool
) -> None:
    """Refuse a handshake with an answer of the gateway's own, as well as the server can."""
    record.begin_refusal(refusal)
    if can_refuse:
        await refusal.send(send, request_id, prefix="websocket.http.response")
    else:
        await send({"type": "websocket.close", "code": CLIENT_GONE})


def _message(event: Event) -> Message:
    data = event.get("bytes")
    return Message(data) if data is not None else Message(event["text"].encode(), text=True)


def _event(message: Message) -> Event:
    if message.text:
        return {"type": "websocket.send", "text": message.data.decode("utf-8", "replace")}
    return {"type": "websocket.send", "bytes": message.data}
