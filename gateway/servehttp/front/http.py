"""One HTTP request through an exchange, and its response back: both directions at once, nothing held whole."""

from __future__ import annotations

import asyncio
import contextlib

from mattermost_plugin.exchange import Body, End, Exchange, Informational, Reset, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.headers import InvalidHeader, checked
from mattermost_plugin.types import Event, Receive, Send
from servehttp.errors import ResponseTruncated
from servehttp.front.access_log import RequestRecord
from servehttp.front.disconnect_signal import DisconnectSignal
from servehttp.front.endings import NO_PROGRESS, TOO_LARGE, Outcome, Refused, ending
from servehttp.front.rules import InvalidResponse, ResponseRules
from servehttp.front.settings import ForwardLimits
from servehttp.request_lines import CLIENT_GONE, STOPPED


class BodyTooLarge(Exception):
    """The request's body is larger than allowed."""


class HTTPForward:
    """Carries one request over one exchange.

    Args:
        exchange: the way to the plugin.
        receive: ASGI, from the client.
        send: ASGI, to the client.
        limits: time-outs and sizes.
        record: what the access log will say.
        rules: what the response keeps to.
        has_body: whether the request brings a body at all.
        signal: the server's, if it tells at once that the client has gone, and itself ends requests whose body stalls.

    Attributes:
        body_received: all of the body has come, so that another attempt waits for none.
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
        has_body: bool,
        signal: DisconnectSignal | None,
    ) -> None:
        self.exchange = exchange
        self.receive = receive
        self.send = send
        self.limits = limits
        self.record = record
        self.has_body = has_body
        self.signal = signal
        # Request
        self.client_due = False
        self.body_received = False
        self.body_wanted = asyncio.Event()
        self.exceeded: int | None = None
        self.client_gone = False
        # Response
        self.rules = rules
        self.deadline = asyncio.timeout(limits.first_byte_timeout)
        if (exchange.request.header(b"expect") or b"").lower() != b"100-continue":
            self.body_wanted.set()

    async def run(self) -> None:
        """Carry the request to its end.

        Raises:
            Refused: nothing of it was taken, and no response was started.
            ResponseTruncated: the client's connection must be broken.
        """
        if self.signal is not None:
            self.signal.subscribe(self.leave)
        upload = asyncio.create_task(self._upload())
        try:
            async with self.deadline:
                await self._download()
        except TimeoutError:
            await self._reset(ResetCode.TIMEOUT, NO_PROGRESS)
        except (InvalidHeader, InvalidResponse) as error:
            await self._reset(ResetCode.PROTOCOL, str(error))
        except ExchangeReset as reset:
            await self._end(Reset(reset.code, reset.reason))
        except asyncio.CancelledError:  # by the server, which ends and waits no longer
            with contextlib.suppress(ResponseTruncated):
                await self._end(Reset(ResetCode.CANCELLED, STOPPED), stopped=True)
            raise
        except OSError:  # how servers of ASGI 2.4 and later say that the client has gone
            self.leave()
            await self._end(Reset(ResetCode.CANCELLED, CLIENT_GONE))
        finally:
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)
            if self.signal is not None:
                self.signal.unsubscribe()
            self.exchange.reset(ResetCode.CANCELLED, self.record.problem or "the request was cancelled")

    # Request

    async def _upload(self) -> None:
        """The client's body to the plugin, and then a watch for its leaving."""
        try:
            if self.has_body:
                await self.body_wanted.wait()
                await self._send_body()
            else:
                await self.exchange.send(End())
            while (await self.receive())["type"] != "http.disconnect":
                pass
            self.leave()
        except ExchangeReset:
            pass  # the download sees the same, and decides what the client gets
        except BodyTooLarge:
            self.exceeded = self.limits.max_body_size
            self.exchange.reset(ResetCode.CANCELLED, TOO_LARGE)

    async def _send_body(self) -> None:
        while True:
            event = await self._receive_body()
            if event["type"] == "http.disconnect":
                self.leave()
                return
            data = event.get("body", b"")
            if data:
                self._count_upload(len(data))
                self.record.plugin_waits.begin()
                await self.exchange.send(Body(data))
                self.record.plugin_waits.end()
                self._progress()
            if not event.get("more_body", False):
                self.body_received = True
                await self.exchange.send(End())
                return

    async def _receive_body(self) -> Event:
        """What comes next of the body; meanwhile it is the client that is waited for, and the plugin has its time."""
        self.client_due = self.signal is not None
        self._progress()
        event = await self.receive()
        self.client_due = False
        self._progress()
        return event

    def leave(self) -> None:
        """The client has gone away."""
        self.client_gone = True
        self.exchange.reset(ResetCode.CANCELLED, CLIENT_GONE)

    def _count_upload(self, length: int) -> None:
        self.record.bytes_in += length
        if self.limits.exceeded_by(self.record.bytes_in):
            raise BodyTooLarge

    # Response

    async def _download(self) -> None:
        while True:
            part = await self.exchange.receive()
            self._progress()
            if isinstance(part, Body):
                await self._send_piece(part.data)
            elif isinstance(part, Response):
                await self._start(part)
            elif isinstance(part, Informational):
                await self._inform(part)
            else:
                await self._finish(part)
                return

    async def _start(self, response: Response) -> None:
        headers = self.rules.start(response).headers_for(self.exchange.request.request_id)
        if self.record.handed_over is not None:
            headers.append((b"server-timing", self.record.server_timing()))
        self.record.begin_response(response.status)
        self.body_wanted.set()
        await self.send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": headers,
                "trailers": response.trailers and self.exchange.request.trailers,
            }
        )

    async def _send_piece(self, data: bytes) -> None:
        if self.rules.piece(data):
            self.record.bytes_out += len(data)
            self.record.client_waits.begin()
            await self.send({"type": "http.response.body", "body": data, "more_body": True})
            self.record.client_waits.end()
            self._progress()

    async def _inform(self, part: Informational) -> None:
        if part.status == 100:
            self.body_wanted.set()
        elif part.status == 103 and self.exchange.request.early_hints:
            links = [value for name, value in checked(part.headers) if name == b"link"]
            await self.send({"type": "http.response.early_hint", "links": links})

    async def _finish(self, part: object) -> None:
        trailers = self.rules.finish(part)
        self.exchange.reset(ResetCode.NO_ERROR, "the response is complete")
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})
        if trailers:
            await self.send({"type": "http.response.trailers", "headers": trailers, "more_trailers": False})

    def _progress(self) -> None:
        timeout = self.limits.idle_timeout if self.rules.started else self.limits.first_byte_timeout
        self.deadline.reschedule(None if self.client_due else asyncio.get_running_loop().time() + timeout)

    # Ends

    async def _reset(self, code: ResetCode, reason: str) -> None:
        self.exchange.reset(code, reason)
        await self._end(Reset(code, reason))

    async def _end(self, reset: Reset, *, stopped: bool = False) -> None:
        """As the table of endings says."""
        end = ending(
            reset,
            self.rules.plugin_id,
            started=self.rules.started,
            body_begun=self.record.bytes_in > 0,
            client_gone=self.client_gone,
            stopped=stopped,
            exceeded=self.exceeded,
        )
        if end.outcome is Outcome.OFFER_AGAIN:
            raise Refused(end.problem)
        self.record.problem, self.record.cut_short = end.problem, end.cause
        if end.refusal is not None:
            refusal, _ = self.record.begin_refusal(end.refusal)
            await refusal.send(self.send, self.exchange.request.request_id)
        elif end.outcome is Outcome.BREAK_OFF:
            raise ResponseTruncated(end.problem)
