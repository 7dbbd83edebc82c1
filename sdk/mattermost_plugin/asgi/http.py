"""One HTTP exchange as an ASGI cycle, with every exit of the application handled.

| the application | the client gets | the log gets |
|---|---|---|
| answers | the answer | nothing |
| raises, or returns, before it started a response | 500 | the trace, or a sentence |
| raises, or returns, in the middle of a response | a broken connection | the trace, or a sentence |
| ends because the client has gone | nothing | a debug line |
| is cancelled from outside | what the one who cancels decides | nothing |

Whatever it raises counts: an exception, a group, `SystemExit`, a `CancelledError` of something that it waited for.

The traces never reach the client.
"""

from __future__ import annotations

import contextlib
from typing import Final

from mattermost_plugin.exchange import Body, End, Headers, Informational, Part, PluginExchange, ResetCode, Response
from mattermost_plugin.exchange_reset import STOPPING, ExchangeReset, caused_by_disconnect
from mattermost_plugin.headers import checked, of_response
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.request_id import current
from mattermost_plugin.task_ends import current_task, ends_task
from mattermost_plugin.types import ASGIApp, Event, Scope

logger = get_logger("mattermost_plugin.asgi")

BODILESS_STATUSES: Final = frozenset((204, 304))
FINAL_STATUSES: Final = range(200, 1000)
FAILURE: Final = b"Internal Server Error"
PLAIN_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")


START: Final = "http.response.start"
EARLY_HINT: Final = "http.response.early_hint"
BODY: Final = "http.response.body"
TRAILERS: Final = "http.response.trailers"
NOTHING: Final = ""
"""In the place of an event's type: the response is complete."""


class HTTPCycle:
    """The `receive` and `send` of one request.

    Attributes:
        due: the type of the event with which the response goes on; `NOTHING` once all was sent.
    """

    def __init__(self, exchange: PluginExchange) -> None:
        self.exchange = exchange
        # Request
        self.continue_due = (exchange.request.header(b"expect") or b"").lower() == b"100-continue"
        self.disconnected = False
        # Response
        self.due = START
        self.bodiless = exchange.request.method == "HEAD"
        self.promised_trailers = False
        self.trailers: list[tuple[bytes, bytes]] = []
        self.length_left: int | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run the application to its end."""
        current.set(self.exchange.request.request_id.decode("latin-1"))
        task = current_task()
        failed = False
        try:
            result = await app(scope, self.receive, self.send)
        except BaseException as error:  # the border to the application: answered and logged here
            if ends_task(error, task):
                raise
            if self.disconnected and caused_by_disconnect(error):
                logger.debug("%s %s: the client went away", scope["method"], scope["path"])
                self._leave()
            else:
                what = {"method": scope["method"], "path": scope["path"]}  # the id comes by itself
                logger.exception("Exception in ASGI application", extra=what)
                failed = True
        else:
            await self._check_end(result)
        if failed:  # here: compiled code that waits in an `except` leaves its exception with whoever runs meanwhile
            await self._fail("the application raised an exception")

    @property
    def complete(self) -> bool:
        """All of the response was sent."""
        return self.due == NOTHING

    async def _check_end(self, result: object) -> None:
        if self.disconnected:
            self._leave()
            return
        if result is not None:
            logger.error("ASGI callable should return None, but returned %r", result)
            if not self.complete:
                self.exchange.reset(ResetCode.INTERNAL, "the application returned a value")
        elif self.due == START:
            logger.error("ASGI callable returned without starting response")
            await self._fail("the application did not answer")
        elif not self.complete:
            logger.error("ASGI callable returned without completing response")
            await self._fail("the application did not complete its response")

    def _leave(self) -> None:
        """After a disconnect: a stream that was to end with the server ends here, any other is over."""
        self.exchange.reset(ResetCode.CANCELLED, STOPPING)

    async def _fail(self, reason: str) -> None:
        """A plain 500 while that is possible, else a broken response; a complete one stays as it is."""
        if self.due != START:
            if not self.complete:
                self.exchange.reset(ResetCode.INTERNAL, reason)
            return
        head = Response(500, [PLAIN_TEXT, (b"content-length", b"%d" % len(FAILURE))])
        body = () if self.bodiless else (Body(FAILURE),)
        with contextlib.suppress(ExchangeReset):
            await self.exchange.send(head, *body, self._complete())
            self._stop_request()

    async def receive(self) -> Event:
        """The next piece of the request's body, or a disconnect."""
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        try:
            if self.continue_due and self.due == START:
                self.continue_due = False
                await self.exchange.send(Informational(100))
            part = await self.exchange.receive()
        except ExchangeReset:
            self.disconnected = not self.complete
            return {"type": "http.disconnect"}
        if isinstance(part, Body):
            return {"type": "http.request", "body": part.data, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, event: Event) -> None:
        """The next piece of the response.

        Raises:
            OSError: the client has gone.
            RuntimeError: the event is not allowed now, or does not keep to the content-length.
            ValueError: the status or a header is impossible.
        """
        if self.disconnected:
            raise ExchangeReset(ResetCode.CANCELLED, "the client went away")
        parts = self._parts(event)
        try:
            await self.exchange.send(*parts)
        except ExchangeReset:
            self.disconnected = True
            raise
        if self.complete:
            self._stop_request()

    def _stop_request(self) -> None:
        """After the response: ends a request that is still coming, and wakes whoever waits in `receive`."""
        self.exchange.reset(ResetCode.NO_ERROR, "the response is complete")

    def _parts(self, event: Event) -> list[Part]:
        """What an event of the application's means, in parts."""
        kind = event["type"]
        if kind == self.due:
            if kind == BODY:
                return self._body(event)
            return [self._head(event)] if kind == START else self._trailers(event)
        if self.complete:
            raise RuntimeError(f"Unexpected ASGI message '{kind}' sent, after response already completed.")
        if kind != EARLY_HINT or self.due != START or not self.exchange.request.early_hints:
            raise RuntimeError(f"Expected ASGI message '{self.due}', but got '{kind}'.")
        return [Informational(103, checked([(b"link", bytes(link)) for link in event["links"]]))]

    def _head(self, event: Event) -> Part:
        status = int(event["status"])
        if status not in FINAL_STATUSES:
            raise ValueError(f"a response status is 200 to 999, not {status}")
        headers, declared = of_response(event.get("headers", ()))
        if status in BODILESS_STATUSES:
            self.length_left = 0
        elif not self.bodiless:
            self.length_left = declared
            if declared is None and is_event_stream(headers):
                self.exchange.end_receive_at_stop()
        self.promised_trailers = bool(event.get("trailers")) and self.exchange.request.trailers
        self.due = BODY
        self.continue_due = False
        return Response(status, headers, self.promised_trailers)

    def _body(self, event: Event) -> list[Part]:
        parts: list[Part] = []
        data = octets(event.get("body") or b"")
        if data and not self.bodiless:
            self._count(len(data))
            parts.append(Body(data))
        if not event.get("more_body", False):
            if self.length_left:
                raise RuntimeError("Response content shorter than Content-Length")
            if self.promised_trailers:
                self.due = TRAILERS
            else:
                parts.append(self._complete())
        return parts

    def _trailers(self, event: Event) -> list[Part]:
        self.trailers += checked(event.get("headers", ()))
        return [] if event.get("more_trailers", False) else [self._complete()]

    def _complete(self) -> Part:
        self.due = NOTHING
        return End(self.trailers)

    def _count(self, length: int) -> None:
        if self.length_left is None:
            return
        self.length_left -= length
        if self.length_left < 0:
            raise RuntimeError("Response content longer than Content-Length")


def is_event_stream(headers: Headers) -> bool:
    """Whether a response is one of server-sent events, which has no end by itself."""
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)


def octets(data: object) -> bytes:
    """What an application gives as bytes, as bytes: items of a `memoryview` may be larger than one.

    Raises:
        TypeError: it is something else; a number would be taken for a count of zeros.
    """
    if isinstance(data, bytes):
        return data
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"expected bytes, not {type(data).__name__}")
