"""One WebSocket through an exchange, by ASGI: both directions at once."""

from __future__ import annotations

import asyncio
import contextlib

from mattermost_plugin.exchange import Accept, Body, Close, Exchange, Message, Reset, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.headers import InvalidHeader, checked, end_to_end
from mattermost_plugin.types import Event, Receive, Send
from servehttp.errors import ResponseTruncated
from servehttp.front.access_log import RequestRecord
from servehttp.front.endings import CAUSE_STOPPED, NO_PROGRESS, Outcome, Refused, cause_of
from servehttp.front.responses import Refusal
from servehttp.front.rules import InvalidResponse, ResponseRules
from servehttp.front.settings import ForwardLimits
from servehttp.front.websocket_endings import (
    ABNORMAL,
    NO_ANSWER,
    NO_STATUS,
    PLUGIN_CLOSED,
    SWITCHING_PROTOCOLS,
    check_refusal,
    close_code,
    handshake_ending,
    sendable,
)
from servehttp.request_lines import CLIENT_GONE, STOPPED

CLIENT_LEFT = 1001
"""Closes a handshake that a server cannot refuse with a response of ours."""


class WebSocketForward:
    """Carries one WebSocket over one exchange.

    Args:
        exchange: the way to the plugin.
        receive: ASGI, from the client.
        send: ASGI, to the client.
        limits: of which the time-outs hold, until the plugin has accepted.
        record: what the access log will say.
        rules: what a response that refuses keeps to.
        can_refuse: whether the server can refuse a handshake with a response of ours.
    """

    def __init__(
        self,
        exchange: Exchange,
        receive: Receive,
        send: Send,
        limits: ForwardLimits,
        record: RequestRecord,
        rules: ResponseRules,
        *,
        can_refuse: bool,
    ) -> None:
        self.exchange = exchange
        self.receive = receive
        self.send = send
        self.limits = limits
        self.record = record
        self.rules = rules
        self.can_refuse = can_refuse
        self.deadline = asyncio.timeout(limits.first_byte_timeout)
        self.refusing = False
        self.open = False
        self.client_gone = False
        self.uploading = False  # a message is on its way to a plugin that does not keep up
        self.closed = False  # in order, by both sides

    async def run(self) -> None:
        """Carry the WebSocket to its end.

        Raises:
            Refused: the plugin took nothing of it, and the handshake is not answered.
            ResponseTruncated: the client's connection must be broken.
        """
        upload = asyncio.create_task(self._upload())
        try:
            async with self.deadline:
                await self._answer(await self.exchange.receive())
        except TimeoutError:
            await self._reset(ResetCode.TIMEOUT, NO_PROGRESS if self.refusing else NO_ANSWER)
        except (InvalidHeader, InvalidResponse) as error:
            await self._reset(ResetCode.PROTOCOL, str(error))
        except ExchangeReset as reset:
            await self._give_up(Reset(reset.code, reset.reason), str(reset))
        except OSError:  # how servers of ASGI 2.4 and later say that the client has gone
            self.exchange.reset(ResetCode.CANCELLED, CLIENT_GONE)
        finally:
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)
            if not self.closed:
                self.exchange.reset(ResetCode.CANCELLED, PLUGIN_CLOSED if self.uploading else self.record.problem or "")

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
                    self.record.messages_in += 1
                    self.uploading = True
                    self.record.plugin_waits.begin()
                    await self.exchange.send(message)
                    self.record.plugin_waits.end()
                    self.uploading = False

    async def _leave(self, event: Event) -> None:
        """A client that closed in order is reported as such, one that vanished as a reset."""
        self.client_gone = True
        if event.get("stopped"):  # by the gateway's own server
            self.record.problem, self.record.cut_short = STOPPED, CAUSE_STOPPED
        code = event.get("code") or NO_STATUS
        if code == ABNORMAL or not self.open:
            self.exchange.reset(ResetCode.CANCELLED, CLIENT_GONE)
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
            raise InvalidResponse(f"{type(part).__name__} in answer to a handshake")

    async def _accept(self, part: Accept) -> None:
        headers = self.rules.own_cookies(end_to_end(checked(part.headers)))
        self.deadline.reschedule(None)
        self.record.begin_response(SWITCHING_PROTOCOLS)
        self.open = True
        await self.send({"type": "websocket.accept", "subprotocol": part.subprotocol or None, "headers": headers})

    async def _download(self) -> None:
        while True:
            part = await self.exchange.receive()
            if isinstance(part, Message):
                self.record.bytes_out += len(part.data)
                self.record.messages_out += 1
                self.record.client_waits.begin()
                await self.send(_event(part))
                self.record.client_waits.end()
            else:
                await self._close(part)
                return

    async def _close(self, part: object) -> None:
        if not isinstance(part, Close):
            raise InvalidResponse(f"{type(part).__name__} on a WebSocket that is open")
        if self.client_gone:
            return
        close = sendable(part)
        await self.send({"type": "websocket.close", "code": close.code, "reason": close.reason})
        if not self.uploading:
            self.closed = True
            await self.exchange.send(close)

    async def _refuse(self, response: Response) -> None:
        check_refusal(response)
        headers = self.rules.start(response).headers_for(self.exchange.request.request_id)
        self.record.begin_response(response.status)
        self.refusing = True
        self._progress()
        if not self.can_refuse:
            await self.send({"type": "websocket.close", "code": CLIENT_LEFT})
            return
        await self.send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
        while isinstance(part := await self.exchange.receive(), Body):
            self._progress()
            if self.rules.piece(part.data):
                await self.send({"type": "websocket.http.response.body", "body": part.data, "more_body": True})
        self.rules.finish(part)
        await self.send({"type": "websocket.http.response.body", "body": b"", "more_body": False})

    def _progress(self) -> None:
        self.deadline.reschedule(asyncio.get_running_loop().time() + self.limits.idle_timeout)

    # Ends

    async def _reset(self, code: ResetCode, problem: str) -> None:
        self.exchange.reset(code, problem)
        await self._give_up(Reset(code, problem), problem)

    async def _give_up(self, reset: Reset, problem: str) -> None:
        if self.client_gone:
            return
        if self.open:
            self.record.problem, self.record.cut_short = problem, cause_of(reset)
            await self.send({"type": "websocket.close", "code": close_code(reset)})
        elif self.refusing:
            self.record.problem, self.record.cut_short = problem, cause_of(reset)
            raise ResponseTruncated(problem)
        else:
            await self._answer_itself(reset, problem)

    async def _answer_itself(self, reset: Reset, problem: str) -> None:
        end = handshake_ending(reset, self.rules.plugin_id)
        if end.outcome is Outcome.OFFER_AGAIN:
            raise Refused(problem)
        self.record.problem, self.record.cut_short = problem, end.cause
        assert end.refusal is not None, "a handshake that was not accepted is answered"
        request_id = self.exchange.request.request_id
        await refuse_websocket(end.refusal, self.send, self.record, request_id, can_refuse=self.can_refuse)


async def refuse_websocket(
    refusal: Refusal, send: Send, record: RequestRecord, request_id: bytes, *, can_refuse: bool
) -> None:
    """Refuse a handshake with an answer of the gateway's own, as well as the server can."""
    record.begin_refusal(refusal)
    if can_refuse:
        await refusal.send(send, request_id, prefix="websocket.http.response")
    else:
        await send({"type": "websocket.close", "code": CLIENT_LEFT})


def _message(event: Event) -> Message:
    data = event.get("bytes")
    return Message(data) if data is not None else Message(event["text"].encode(), text=True)


def _event(message: Message) -> Event:
    if message.text:
        return {"type": "websocket.send", "text": message.data.decode("utf-8", "replace")}
    return {"type": "websocket.send", "bytes": message.data}
