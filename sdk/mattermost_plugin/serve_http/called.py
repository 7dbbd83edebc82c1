"""The gateway's end of ServeHTTP: one call of a plugin for each request, all on one connection.

Nothing here is a task. A head, the pieces of a body and its end that are there in one turn of the event loop leave as
one message. What arrives is handed over in the turn in which it does.

A call that its server did not touch (it was full, or the connection ends) is made again, as long as all that was sent
of it is at hand; while there is no connection, it waits for one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from mattermost_plugin.exchange import Body, End, Informational, Part, Request, Reset, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.grpc import hooks_pb2
from mattermost_plugin.http2.channel import CallHandler, ClientChannel
from mattermost_plugin.http2.errors import CannotCall
from mattermost_plugin.http2.events import CallEnded
from mattermost_plugin.http2.header_blocks import Fields
from mattermost_plugin.http2.statuses import OK, name_of
from mattermost_plugin.http2.streams import Stream
from mattermost_plugin.serve_http.decoding import decode_response
from mattermost_plugin.serve_http.encoding import encode_request
from mattermost_plugin.serve_http.pieces import PIECE_SIZE, pieces
from mattermost_plugin.sink import Carrier, Sink, SinkExchange
from mattermost_plugin.tunnel.errors import TunnelClosed

SERVE_HTTP: Final = f"/{hooks_pb2.DESCRIPTOR.services_by_name['PluginHooks'].full_name}/ServeHTTP"
RESTARTS: Final = 5
"""How often a call is made again that its server did not touch."""
LINGER: Final = 5.0
"""Seconds for a plugin to end a call whose response is complete; it may have twice as many."""

COMPLETE: Final = "the response is complete"
NO_END: Final = "the plugin ended the call before its response was complete"
NO_HEAD: Final = "the plugin's first message has no response head"


class CalledExchange(SinkExchange):
    """The gateway's end: an exchange carried by a call that this side makes; made by a `Caller`."""

    __slots__ = (
        "_body",
        "_body_size",
        "_caller",
        "_channel",
        "_end",
        "_ended_request",
        "_first",
        "_has_waited",
        "_held_credit",
        "_inbox",
        "_is_held_up",
        "_messages",
        "_reader",
        "_responding",
        "_restarts",
        "_sink",
        "_stream",
        "_writers",
    )

    def __init__(self, request: Request, caller: Caller) -> None:
        super().__init__(request)
        self._caller = caller
        self._channel: ClientChannel | None = None
        self._stream: Stream | None = None
        self._restarts = 0
        # What is sent
        self._body: list[bytes] = []
        self._body_size = 0
        self._ended_request = False
        self._messages = 0
        self._first: list[bytes] = []  # kept while nothing follows, until the plugin has answered
        self._has_waited = False
        self._is_held_up = False  # more would have come, had there been a channel
        self._writers: list[asyncio.Future[None]] = []
        # What is received
        self._inbox: deque[tuple[Part, int]] = deque()  # each with its credit
        self._responding = False
        self._reader: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._held_credit = 0
        self._end: Reset | None = None
        if (request.header(b"expect") or b"").lower() == b"100-continue":
            self._inbox.append((Informational(100), 0))  # the contract cannot ask for the body: it is always wanted

    # Awaited

    async def receive(self) -> Part:
        while not self._inbox:
            self._raise_if_over()
            self._reader = self._caller.loop.create_future()
            await self._reader
        part, credit = self._inbox.popleft()
        self._consume(credit)
        return part

    async def send(self, *parts: Part) -> None:
        self._raise_if_over()
        if self._queue(parts):
            writer = self._caller.loop.create_future()
            self._writers.append(writer)
            await writer
            self._raise_if_over()

    def reset(self, code: ResetCode, reason: str = "") -> None:
        if self._end is None:
            self._stop(Reset(code, reason))
        elif not self._ended_request:
            self.give_up()

    # Handed over

    def is_on(self, carrier: Carrier) -> bool:
        return self._caller is carrier

    def subscribe(self, sink: Sink) -> None:
        self._sink = sink

    def unsubscribe(self) -> None:
        self._sink = None

    def post(self, *parts: Part) -> bool:
        return self._end is None and self._queue(parts)

    def return_credit(self) -> None:
        credit, self._held_credit = self._held_credit, 0
        self._consume(credit)

    # For the caller

    def start(self, channel: ClientChannel) -> None:
        """Make the call, or make it again.

        Raises:
            CannotCall: no call can be begun there.
        """
        self._stream = channel.call(SERVE_HTTP, _Call(self))
        self._channel = channel
        if self._messages:
            self._messages = 0
            self._send(self._first)
        elif self._body or self._ended_request:
            self.write()
        else:
            channel.touch(self._stream)
        if self._is_held_up:
            self._is_held_up = False
            self.writable()

    def give_up(self) -> None:
        """End the call, whatever has become of the exchange."""
        if self._channel is not None and self._stream is not None:
            self._channel.cancel(self._stream)

    def lose(self, reset: Reset) -> None:
        """There is no connection for it."""
        if self._end is None:
            self._stop(reset)

    # For the call

    def message(self, data: bytes, credit: int) -> None:
        """The plugin's next message."""
        parts: list[Part] = []
        try:
            decode_response(parts, data)
        except ExchangeReset as error:
            self.reset(error.code, error.reason)
            return
        if not self._responding:
            if not (parts and isinstance(parts[0], Response)):
                self.reset(ResetCode.PROTOCOL, NO_HEAD)
                return
            self._responding = True
            self._first = []
        elif parts and isinstance(parts[0], Response):
            del parts[0]
        for part in parts:
            if self._end is not None:
                return
            self._take(part, credit if isinstance(part, Body) else 0)
            credit = 0 if isinstance(part, Body) else credit
        self._consume(credit)

    def flush(self) -> None:
        """No more messages are at hand."""
        if self._sink is not None:
            self._sink.flush()

    def writable(self) -> None:
        """There is room for more."""
        writers, self._writers = self._writers, []
        for writer in writers:
            if not writer.done():
                writer.set_result(None)
        if self._sink is not None:
            self._sink.written()

    def write(self) -> None:
        """Send what is at hand; a head by itself waits a turn for what belongs to it."""
        if self._channel is None or self._stream is None:
            return
        if not (self._messages or self._body or self._ended_request or self._has_waited):
            self._has_waited = True
            self._channel.touch(self._stream)
            return
        if self._messages and not (self._body or self._ended_request):
            return
        message = encode_request(None if self._messages else self.request, self._body, self._ended_request)
        self._body, self._body_size = [], 0
        self._send(message)

    def ended(self, end: CallEnded) -> None:
        """The call is over."""
        if self._end is not None:
            self._caller.let_go(self)
        elif end.untouched:
            if not self._responding and self._messages <= 1 and self._restarts < RESTARTS:
                self._restarts += 1
                self._caller.start(self)
            else:
                self._stop(Reset(ResetCode.REFUSED, end.text))
        elif end.status == OK:
            self._stop(Reset(ResetCode.INTERNAL, NO_END))
        else:
            self._stop(Reset(ResetCode.INTERNAL, f"{name_of(end.status)}: {end.text}"))

    # Sending

    def _queue(self, parts: tuple[Part, ...]) -> bool:
        """Take parts; True where there was data and no more should follow for now."""
        has_data = False
        for part in parts:
            if isinstance(part, Body):
                has_data = True
                for piece in pieces(part.data):
                    self._add(piece)
            elif isinstance(part, End):
                self._ended_request = True
                if self._stream is not None:
                    self.write()
        if self._channel is None or self._stream is None:
            self._is_held_up = has_data and self._body_size >= PIECE_SIZE
            return self._is_held_up
        if self._body:
            self._channel.touch(self._stream)
        return has_data and self._channel.is_full(self._stream)

    def _add(self, piece: bytes) -> None:
        if self._body_size + len(piece) > PIECE_SIZE and self._stream is not None:
            self.write()
        self._body.append(piece)
        self._body_size += len(piece)

    def _send(self, message: list[bytes]) -> None:
        if self._channel is None or self._stream is None:
            return
        self._messages += 1
        self._first = message if self._messages == 1 and not self._responding else []
        self._channel.send(self._stream, message)
        if self._ended_request:
            self._channel.end(self._stream)

    # Receiving

    def _take(self, part: Part, credit: int) -> None:
        if self._sink is None:
            self._inbox.append((part, credit))
            self._wake()
        else:
            taken = self._sink.take(part)
            self._held_credit += credit
            if taken and self._held_credit:
                self.return_credit()
        if isinstance(part, End):
            self._finish()

    def _finish(self) -> None:
        """The response is complete, and with it the exchange, unless it was no end for the one who took it."""
        if self._end is not None:
            return
        self._end = Reset(ResetCode.NO_ERROR, COMPLETE)
        self._caller.forget(self)
        self._caller.linger(self)

    def _consume(self, credit: int) -> None:
        if credit and self._channel is not None and self._stream is not None:
            self._channel.consume(self._stream, credit)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _stop(self, reset: Reset) -> None:
        """The exchange is over before its time."""
        self._end = reset
        self._body = []
        self._first = []
        self.give_up()
        self._caller.forget(self)
        self._wake()
        self.writable()
        if self._sink is not None:
            self._sink.ended(reset)

    def _raise_if_over(self) -> None:
        if self._end is not None:
            raise ExchangeReset.of(self._end)


class _Call(CallHandler):
    """What the channel tells an exchange."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: CalledExchange) -> None:
        self._exchange = exchange

    def responded(self, fields: Fields) -> None:
        pass

    def message(self, data: bytes, credit: int) -> None:
        self._exchange.message(data, credit)

    def flush(self) -> None:
        self._exchange.flush()

    def prepare(self) -> None:
        self._exchange.write()

    def writable(self) -> None:
        self._exchange.writable()

    def ended(self, end: CallEnded) -> None:
        self._exchange.ended(end)


class Caller(Carrier):
    """The exchanges of one plugin, over a channel that may be replaced.

    Attributes:
        idle: set while no exchange is open.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.idle = asyncio.Event()
        self.idle.set()
        self._channel: ClientChannel | None = None
        self._closed = ""
        self._open: set[CalledExchange] = set()
        self._opened = 0
        self._parked: list[CalledExchange] = []
        self._lingering: set[CalledExchange] = set()
        self._overdue: set[CalledExchange] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        return len(self._open)

    @property
    def opened(self) -> int:
        return self._opened

    @property
    def takes(self) -> bool:
        return not self._closed

    def begin(self, request: Request, *parts: Part) -> CalledExchange:
        """Begin an exchange, with what there is of it beside the head.

        Raises:
            TunnelClosed: nothing begins any more, or not now.
        """
        if self._closed:
            raise TunnelClosed(self._closed)
        exchange = CalledExchange(request, self)
        if parts:
            exchange.post(*parts)
        if self._channel is None:
            self._parked.append(exchange)
        else:
            try:
                exchange.start(self._channel)
            except CannotCall as error:
                raise TunnelClosed(str(error)) from None
        self._open.add(exchange)
        self._opened += 1
        self.idle.clear()
        return exchange

    def use(self, channel: ClientChannel | None) -> None:
        """Make calls there from now on; where there is None, they wait."""
        self._channel = channel
        if channel is not None:
            channel.on_drain = self._drained
            parked, self._parked = self._parked, []
            for exchange in parked:
                if exchange in self._open:
                    self.start(exchange)

    def _drained(self) -> None:
        self._channel = None

    def stop(self, reason: str) -> None:
        """Begin nothing any more, for that reason; what is open goes on."""
        self._closed = self._closed or reason

    def lose(self, reason: str) -> None:
        """There will be no channel any more."""
        self.stop(reason)
        self._channel = None
        parked, self._parked = self._parked, []
        for exchange in parked:
            exchange.lose(Reset(ResetCode.REFUSED, reason))

    def close(self, reason: str) -> None:
        """End everything."""
        self.lose(reason)
        for exchange in list(self._open):
            exchange.reset(ResetCode.CANCELLED, reason)
        for exchange in (*self._overdue, *self._lingering):
            exchange.give_up()
        self._overdue, self._lingering = set(), set()
        if self._timer is not None:
            self._timer.cancel()

    # For the exchanges

    def start(self, exchange: CalledExchange) -> None:
        """Make the call of an exchange that is open, now or once that can be."""
        if self._channel is None and not self._closed:
            self._parked.append(exchange)
            return
        try:
            if self._channel is None:
                raise CannotCall(self._closed)
            exchange.start(self._channel)
        except CannotCall as error:
            exchange.lose(Reset(ResetCode.REFUSED, str(error)))

    def forget(self, exchange: CalledExchange) -> None:
        """It is over."""
        self._open.discard(exchange)
        if not self._open:
            self.idle.set()

    def linger(self, exchange: CalledExchange) -> None:
        """Its response is complete; see that the plugin ends the call."""
        self._lingering.add(exchange)
        if self._timer is None:
            self._timer = self.loop.call_later(LINGER, self._end_overdue)

    def let_go(self, exchange: CalledExchange) -> None:
        """Its call has ended."""
        self._lingering.discard(exchange)
        self._overdue.discard(exchange)

    def _end_overdue(self) -> None:
        """Give up calls that were to be ended when this was done last, and see to the others then."""
        overdue, self._overdue, self._lingering = self._overdue, self._lingering, set()
        for exchange in overdue:
            exchange.give_up()
        self._timer = self.loop.call_later(LINGER, self._end_overdue) if self._overdue else None
