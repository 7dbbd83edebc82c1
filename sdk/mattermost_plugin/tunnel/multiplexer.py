"""Between a stream and the exchanges of a tunnel: what arrives goes through the core to them, and what they send back.

Nothing in here waits for the stream, and nothing is a task. What becomes ready in one turn of the event loop leaves
together at its end; when as much is ready as `BURST`, it leaves at once, so that the peer works on it while this side
goes on. So does what ends a body, or is the first message after one that was received, when every open exchange is
ready: nothing is left to wait for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from mattermost_plugin.exchange import Body, End, Message, Part, Request, Reset, ResetCode
from mattermost_plugin.exchange_reset import STOPPING, ExchangeReset
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.tunnel.assembly import Assembly
from mattermost_plugin.tunnel.connection import Connection
from mattermost_plugin.tunnel.decoding import decode_into
from mattermost_plugin.tunnel.encoding import encode, encode_pieces
from mattermost_plugin.tunnel.errors import RemoteProtocolError, TunnelClosed
from mattermost_plugin.tunnel.message_stream import MessageStream
from mattermost_plugin.tunnel.parts import Addressed, Drain, Hello, TunnelPart
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import cost

logger = get_logger(__name__)

BURST: Final = 16
"""Exchanges that have something to send, at which it is sent before the turn of the event loop is over."""


class Sink:
    """Takes the parts of an exchange in the tunnel's own turn, instead of a task that awaits them.

    To be derived from: calls to a class that is known are much faster, compiled, than those to a protocol.
    """

    def take(self, part: Part) -> bool:
        """The peer's next part. False holds its credit back, until `TunnelExchange.return_credit`."""
        raise NotImplementedError

    def flush(self) -> None:
        """No more parts are at hand."""
        raise NotImplementedError

    def written(self) -> None:
        """There is room for more, after `TunnelExchange.post` said that there was none, or the exchange is over."""
        raise NotImplementedError

    def ended(self, reset: Reset) -> None:
        """Nothing more will come."""
        raise NotImplementedError


class TunnelExchange:
    """One exchange on a tunnel; see `mattermost_plugin.exchange.Exchange` for what its methods promise.

    Beside awaiting its parts, one can have them handed to a `Sink`, which needs no task.
    """

    __slots__ = (
        "_answering",
        "_assembly",
        "_end",
        "_endless",
        "_held_credit",
        "_id",
        "_inbox",
        "_multiplexer",
        "_reader",
        "_sink",
        "request",
    )

    def __init__(self, multiplexer: Multiplexer, id: int, request: Request) -> None:
        self.request = request
        self._multiplexer = multiplexer
        self._id = id
        self._inbox: deque[tuple[Part, int]] = deque()  # each with what it cost
        self._assembly = Assembly(multiplexer.settings.max_websocket_message) if request.websocket else None
        self._reader: asyncio.Future[None] | None = None
        self._end: Reset | None = None
        self._sink: Sink | None = None
        self._held_credit = 0
        self._endless = False
        self._answering = False  # a message was received, and none was sent since

    def is_on(self, multiplexer: Multiplexer) -> bool:
        """Whether this is an exchange of that tunnel."""
        return self._multiplexer is multiplexer

    @property
    def stopping(self) -> asyncio.Event:
        return self._multiplexer.stopping

    @property
    def open(self) -> bool:
        """Whether it exists still at this end of the tunnel."""
        return self._multiplexer.core.is_open(self._id)

    @property
    def answered(self) -> bool:
        """Whether the plugin's half is complete, though not all of it may be written."""
        return self._multiplexer.core.has_answered(self._id)

    def end_receive_at_stop(self) -> None:
        self._endless = True

    def tell_stopping(self) -> None:
        """The peer, or this end, is about to stop (for the multiplexer)."""
        if self._endless:
            self._wake()

    async def receive(self) -> Part:
        while not self._inbox:
            if self._end is not None:
                raise ExchangeReset.of(self._end)
            if self._endless and self._multiplexer.stopping.is_set():
                raise ExchangeReset(ResetCode.CANCELLED, STOPPING)
            self._reader = self._multiplexer.loop.create_future()
            await self._reader
        part, credit = self._inbox.popleft()
        if self._assembly is not None:
            self._answering = True
            if not self._inbox:
                credit += self._assembly.take_credit()
        if credit:
            self._multiplexer.consume(self._id, credit)
        return part

    async def send(self, *parts: Part) -> None:
        self._raise_if_over()
        answering, self._answering = self._answering, False
        if self._multiplexer.post(self._id, parts, answering):
            await self._multiplexer.written(self._id)
        self._raise_if_over()

    def reset(self, code: ResetCode, reason: str = "") -> None:
        self._multiplexer.reset(self._id, code, reason)
        self.end(Reset(code, reason))

    def subscribe(self, sink: Sink) -> None:
        """Hand every part to `sink`; before the first one has come, and never together with `receive`."""
        self._sink = sink

    def unsubscribe(self) -> None:
        """Hand on nothing more, and hold nothing back: sink and exchange let go of each other."""
        self._sink = None
        self.return_credit()

    def post(self, *parts: Part) -> bool:
        """Queue what is at hand, without waiting; True where nothing should follow until the sink's `written`."""
        return self.post_all(parts)

    def post_all(self, parts: Sequence[Part]) -> bool:
        """As `post`."""
        if self._sink is None or not self._multiplexer.post(self._id, parts, self._assembly is not None):
            return False
        self._multiplexer.tell_when_written(self._id, self._sink.written)
        return True

    def return_credit(self) -> None:
        """Return the credit of what the sink has held."""
        credit, self._held_credit = self._held_credit, 0
        if self._assembly is not None:
            credit += self._assembly.take_credit()
        if credit:
            self._multiplexer.consume(self._id, credit)

    def flush(self) -> None:
        """No more parts are at hand (for the multiplexer)."""
        if self._sink is not None:
            self._sink.flush()

    def deliver(self, part: Part) -> None:
        """The peer's next part arrived (for the multiplexer)."""
        if isinstance(part, Message) and self._assembly is not None:
            self._deliver_piece(part, self._assembly)
        else:
            self._pass_on(part, cost(part.data) if isinstance(part, Body) else 0)

    def end(self, reset: Reset) -> None:
        """Nothing more will come (for the multiplexer)."""
        if self._end is None:
            self._end = reset
            self._wake()
            if self._sink is not None:
                self._sink.ended(reset)

    def _raise_if_over(self) -> None:
        # A method of its own: a type checker, and so the compiler, takes a second test in one function for settled.
        if self._end is not None:
            raise ExchangeReset.of(self._end)

    def _pass_on(self, part: Part, credit: int) -> None:
        if self._end is not None:
            return
        if self._sink is None:
            self._inbox.append((part, credit))
            self._wake()
            return
        taken = self._sink.take(part)
        if credit:
            self._held_credit += credit
            if taken:  # without `Multiplexer.consume`: what was read is looked after in one go
                self._multiplexer.core.consume(self._id, self._held_credit)
                self._held_credit = 0

    def _deliver_piece(self, piece: Message, assembly: Assembly) -> None:
        message = assembly.add(piece)
        if assembly.too_large:
            self.reset(ResetCode.LIMIT, f"a message of more than {assembly.limit} bytes")
        elif message is not None:
            self._pass_on(message, assembly.take_credit())
        elif not (self._inbox or self._held_credit):
            self._multiplexer.consume(self._id, assembly.take_credit())

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class Multiplexer:
    """The exchanges of one end of a tunnel; a stream's `Receiver`.

    Args:
        half: which end this is.
        stream: where messages go.
        settings: limits.
        begin: told of each exchange that the peer opens, by its number (plugin).
        orphan: told of each whose response nobody wants any more, by its number (plugin).

    Attributes:
        core: the protocol's state.
        greeted: set once the peer's hello has come, or never will.
        idle: set while no exchange is open.
        stopping: set once either end is about to stop.
        closed: nothing begins any more.
    """

    def __init__(
        self,
        half: Half,
        stream: MessageStream,
        settings: TunnelSettings,
        begin: Callable[[int, TunnelExchange], None] | None,
        orphan: Callable[[int], None] | None = None,
    ) -> None:
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.core = Connection(
            half,
            first_window=settings.first_window,
            largest_window=settings.largest_window,
            pool_size=settings.pool_size,
            max_exchanges=settings.max_exchanges,
        )
        self.greeted = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self.stopping = asyncio.Event()
        self.closed = False
        self._offered = settings.max_exchanges if half is Half.PLUGIN else 0
        self._stream = stream
        self._begin = begin
        self._orphan = orphan
        self._exchanges: dict[int, TunnelExchange] = {}
        self._blocked: dict[int, list[Callable[[], object]]] = {}
        self._writable = False
        self._flushing = False

    @property
    def in_flight(self) -> int:
        """How many exchanges are open."""
        return len(self._exchanges)

    @property
    def takes(self) -> bool:
        """Whether `open` would begin an exchange (gateway)."""
        return not self.closed and self.core.takes

    @property
    def opened(self) -> int:
        """How many exchanges were opened so far."""
        return self.core.opened

    def greet(self, agent: str) -> None:
        """Send this end's hello, which everything else follows."""
        hello = Hello(self.settings.first_window, self._offered, agent)
        self._writable = self._stream.send(encode([(0, hello)]))

    def open(self, request: Request, *parts: Part) -> TunnelExchange:
        """Begin an exchange (gateway), with what there is of it beside the head.

        Raises:
            TunnelClosed: the tunnel ended, drains, or is full.
        """
        if self.closed:
            raise TunnelClosed("the connection to the plugin was lost")
        id = self.core.open(request, parts)
        self._schedule_flush()
        return self._add(id, request)

    def announce_drain(self) -> None:
        """Tell the peer that this end is about to stop; exchanges begin and go on as before."""
        self.core.announce_drain()
        self._schedule_flush()

    def drain(self) -> None:
        """Begin nothing new, and tell the peer; exchanges that are open go on."""
        self.core.drain()
        self._schedule_flush()
        self._tell_stopping()

    def fail_all(self, reason: str) -> None:
        """The stream has ended, and with it all exchanges; those of which nothing was written are refused."""
        self.closed = True
        self.greeted.set()
        for id, exchange in list(self._exchanges.items()):
            unheard_of = self.core.is_unheard_of(id)
            exchange.end(Reset(ResetCode.REFUSED if unheard_of else ResetCode.CANCELLED, reason))
            self._unblock(id)
        self._exchanges.clear()
        self.idle.set()

    # For the exchanges

    def post(self, id: int, parts: Sequence[Part], last: bool = False) -> bool:
        """Queue parts; True where they have data and too much is queued: `written` is to be awaited before more.

        Args:
            last: whether no more are to follow soon, as nothing does after an `End`.
        """
        self.core.send(id, parts)
        last = last or (bool(parts) and isinstance(parts[-1], End))
        if last and self.core.ready >= self.core.open_exchanges:
            self._flush()  # nobody is left whose parts could leave together with these
        else:
            self._schedule_flush()
        self._drop_forgotten()
        return self.core.queued(id) > self.settings.high_water and any(
            isinstance(part, (Body, Message)) for part in parts
        )

    async def written(self, id: int) -> None:
        """Waits until enough of an exchange was written, or until it is over."""
        event = asyncio.Event()
        self.tell_when_written(id, event.set)
        await event.wait()

    def tell_when_written(self, id: int, tell: Callable[[], object]) -> None:
        """Call `tell` then."""
        self._blocked.setdefault(id, []).append(tell)

    def consume(self, id: int, amount: int) -> None:
        """The application took data."""
        self.core.consume(id, amount)
        self._schedule_flush()
        self._drop_forgotten()

    def reset(self, id: int, code: ResetCode, reason: str) -> None:
        """End an exchange."""
        self.core.reset(id, code, reason)
        self._schedule_flush()
        self._unblock(id)
        self._drop_forgotten()

    # From the stream

    def receive(self, data: bytes, start: int, end: int) -> int:
        """The peer's next message; see `Receiver`."""
        reader: TunnelExchange | None = None  # whose sink is flushed when another's turn comes: one write for its parts
        parts: list[Addressed] = []
        work = decode_into(parts, data, start, end)
        for id, part in parts:
            exchange = self._receive(id, part)
            if reader is not None and reader is not exchange:
                reader.flush()
            reader = exchange
        if reader is not None:
            reader.flush()
        if not self.greeted.is_set():
            self._greet()
        self._drop_forgotten()
        self._schedule_flush()
        return work

    def resume(self) -> None:
        """The stream takes messages again."""
        self._writable = True
        self._flush()

    # Reading

    def _greet(self) -> None:
        """After the first message, which has the peer's hello."""
        if self.core.peer is None:
            raise RemoteProtocolError("the first message has no hello")
        logger.debug("tunnel to %s", self.core.peer.agent)
        self.greeted.set()

    def _receive(self, id: int, part: TunnelPart) -> TunnelExchange | None:
        """Pass a part on; returns the exchange that it was delivered to."""
        responding = isinstance(part, Reset) and self.core.is_responding(id)
        event = self.core.receive(id, part)
        if event is None:
            return None
        if isinstance(event, Drain):
            self._tell_stopping()
            return None
        if isinstance(event, Request):
            assert self._begin is not None, "only a plugin's core lets requests in"
            self._begin(id, self._add(id, event))
            return None
        exchange = self._exchanges.get(id)
        if exchange is None:
            return None
        if isinstance(event, Reset):
            exchange.end(event)
            self._unblock(id)
            if responding and self._orphan is not None:
                self._orphan(id)
            return None
        exchange.deliver(event)
        return exchange

    def _tell_stopping(self) -> None:
        self.stopping.set()
        for exchange in list(self._exchanges.values()):
            exchange.tell_stopping()

    # Writing

    def _schedule_flush(self) -> None:
        """There may be something to send: soon, or at once where it is much."""
        if not self._writable or not self.core.has_output:
            return
        if self.core.ready >= BURST:  # the peer can work on these while the rest of the turn goes on
            self._flush()
        elif not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        try:
            while self._writable and not self.closed and (batch := self.core.next_message(self.settings.message_size)):
                self._writable = self._stream.send(*encode_pieces(batch))
                self._after_write()
        except Exception as error:  # called from anywhere; who runs the tunnel is to know
            self._writable = False
            self._stream.fail(error)

    def _after_write(self) -> None:
        self._drop_forgotten()
        for id in list(self._blocked):
            if self.core.queued(id) <= self.settings.high_water:
                self._unblock(id)

    def _unblock(self, id: int) -> None:
        for tell in self._blocked.pop(id, ()):
            tell()

    # Exchanges

    def _add(self, id: int, request: Request) -> TunnelExchange:
        exchange = self._exchanges[id] = TunnelExchange(self, id, request)
        self.idle.clear()
        return exchange

    def _drop_forgotten(self) -> None:
        if not self.core.has_forgotten:
            return
        for id in self.core.take_forgotten():
            self._exchanges.pop(id, None)
            if not self._exchanges:
                self.idle.set()
