"""The tunnel on an event loop: what the carrier brings goes through the core to the exchanges, and back.

Nothing in here waits for the carrier. What becomes ready in one turn of the loop leaves together at its end; when as
much is ready as `BURST`, it leaves at once, so that the peer works on it while this side goes on. `Tunnel.run` owns
everything, at the plugin one task for each exchange. When the stream ends, all exchanges end with it, and `run` returns
once no task is left.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from mattermost_plugin.exchange import Body, Exchange, Message, Part, Request, Reset, ResetCode
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.carrier import Carrier
from mattermost_plugin.tunnel.codec import decode, encode
from mattermost_plugin.tunnel.connection import MAX_EXCHANGES, MESSAGE_SIZE, Connection
from mattermost_plugin.tunnel.errors import RemoteProtocolError, TunnelClosed
from mattermost_plugin.tunnel.parts import Drain, Hello, TunnelPart
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import FIRST_WINDOW, LARGEST_WINDOW, POOL_SIZE, cost

logger = logging.getLogger(__name__)

AGENT = f"servehttp python/{platform.python_version()}"

HIGH_WATER = 64 * 1024
"""Bytes of one exchange that may wait to be written before `send` waits too."""

MAX_WEBSOCKET_MESSAGE = 16 * 1024 * 1024
"""The largest WebSocket message put together from pieces, in bytes."""

LINGER = 5.0
"""Seconds that the plugin's tasks may go on after the stream ended, before they are cancelled."""


BURST = 8
"""Exchanges that have something to send, at which it is sent before the turn of the event loop is over."""


@dataclass(frozen=True)
class TunnelSettings:
    """Limits of one end of a tunnel; sizes in bytes, times in seconds."""

    first_window: int = FIRST_WINDOW
    largest_window: int = LARGEST_WINDOW
    pool_size: int = POOL_SIZE
    max_exchanges: int = MAX_EXCHANGES
    message_size: int = MESSAGE_SIZE
    high_water: int = HIGH_WATER
    max_websocket_message: int = MAX_WEBSOCKET_MESSAGE
    linger: float = LINGER


class Sink(Protocol):
    """Takes the parts of an exchange in the tunnel's own turn, instead of a task that awaits them."""

    def take(self, part: Part) -> bool:
        """The peer's next part. False holds its credit back, until `TunnelExchange.settle`."""
        ...

    def flush(self) -> None:
        """No more parts are at hand."""
        ...

    def ended(self, reset: Reset) -> None:
        """Nothing more will come."""
        ...


class TunnelExchange:
    """One exchange on a tunnel; see `mattermost_plugin.exchange.Exchange` for what its methods promise.

    Beside awaiting its parts, one can have them handed to a `Sink`, which needs no task.
    """

    __slots__ = ("_assembly", "_end", "_id", "_inbox", "_owed", "_reader", "_sink", "_tunnel", "request")

    def __init__(self, tunnel: Tunnel, id: int, request: Request) -> None:
        self.request = request
        self._tunnel = tunnel
        self._id = id
        self._inbox: deque[tuple[Part, int]] = deque()  # each with what it cost
        self._assembly = Assembly(tunnel.settings.max_websocket_message) if request.websocket else None
        self._reader: asyncio.Future[None] | None = None
        self._end: Reset | None = None
        self._sink: Sink | None = None
        self._owed = 0

    async def receive(self) -> Part:
        while not self._inbox:
            if self._end is not None:
                raise ExchangeReset.of(self._end)
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        part, owed = self._inbox.popleft()
        if self._assembly and not self._inbox:
            owed += self._assembly.settle()
        if owed:
            self._tunnel.consume(self._id, owed)
        return part

    async def send(self, *parts: Part) -> None:
        self._raise_if_over()
        if self._tunnel.post(self._id, *parts):
            await self._tunnel.written(self._id)
        self._raise_if_over()

    def reset(self, code: ResetCode, reason: str = "") -> None:
        self._tunnel.reset(self._id, code, reason)
        self.end(Reset(code, reason))

    def subscribe(self, sink: Sink) -> None:
        """Hand every part to `sink`; before the first one has come, and never together with `receive`."""
        self._sink = sink

    def unsubscribe(self) -> None:
        """Hand on nothing more: sink and exchange let go of each other."""
        self._sink = None

    def settle(self) -> None:
        """Pay back what the sink has held."""
        owed, self._owed = self._owed, 0
        if owed:
            self._tunnel.consume(self._id, owed)

    def flush(self) -> None:
        """No more parts are at hand (for the tunnel)."""
        if self._sink is not None:
            self._sink.flush()

    def deliver(self, part: Part) -> None:
        """The peer's next part arrived (for the tunnel)."""
        if self._sink is not None:
            self._hand_over(part, self._sink)
        elif isinstance(part, Message) and self._assembly:
            self._deliver_piece(part, self._assembly)
        else:
            self._put(part, cost(part.data) if isinstance(part, Body) else 0)

    def end(self, reset: Reset) -> None:
        """Nothing more will come (for the tunnel)."""
        if self._end is None:
            self._end = reset
            self._wake()
            if self._sink is not None:
                self._sink.ended(reset)

    def _raise_if_over(self) -> None:
        # A method of its own: a type checker, and so the compiler, takes a second test in one function for settled.
        if self._end is not None:
            raise ExchangeReset.of(self._end)

    def _hand_over(self, part: Part, sink: Sink) -> None:
        if self._end is not None:
            return
        paid = sink.take(part)
        if isinstance(part, Body):
            self._owed += cost(part.data)
            if paid:
                self.settle()

    def _deliver_piece(self, piece: Message, assembly: Assembly) -> None:
        message = assembly.add(piece)
        if assembly.too_large:
            self.reset(ResetCode.LIMIT, f"a message of more than {assembly.limit} bytes")
        elif message is not None:
            self._put(message, assembly.settle())
        elif not self._inbox:
            self._tunnel.consume(self._id, assembly.settle())

    def _put(self, part: Part, owed: int) -> None:
        if self._end is None:
            self._inbox.append((part, owed))
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class Assembly:
    """Puts the pieces of a WebSocket message together.

    A message may be larger than the window, so its pieces have to be paid back before it is whole; but only while the
    application waits for it (its inbox is empty), or messages would pile up unread. So an exchange holds one message of
    at most `limit` bytes and one window of others.
    """

    __slots__ = ("_data", "_owed", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._data = bytearray()  # not a list of pieces, which would let tiny ones cost more than their bytes
        self._owed = 0

    @property
    def too_large(self) -> bool:
        return len(self._data) > self.limit

    def add(self, piece: Message) -> Message | None:
        """Take a piece; returns the message once it is whole."""
        self._owed += cost(piece.data)
        if not self._data and not piece.more and len(piece.data) <= self.limit:
            return piece
        self._data += piece.data
        if piece.more or self.too_large:
            return None
        message = Message(bytes(self._data), piece.text)
        self._data.clear()
        return message

    def settle(self) -> int:
        """What the pieces cost that were not paid back yet; they are from now on."""
        owed, self._owed = self._owed, 0
        return owed


class Tunnel:
    """One end of a tunnel.

    Args:
        half: which end this is.
        carrier: the call that carries its messages.
        serve: answers one exchange (plugin).
        settings: limits.
    """

    def __init__(
        self,
        half: Half,
        carrier: Carrier,
        *,
        serve: Callable[[Exchange], Awaitable[None]] | None = None,
        settings: TunnelSettings | None = None,
    ) -> None:
        self.settings = settings or TunnelSettings()
        self._carrier = carrier
        self._serve = serve
        self._core = Connection(
            half,
            first_window=self.settings.first_window,
            largest_window=self.settings.largest_window,
            pool_size=self.settings.pool_size,
            max_exchanges=self.settings.max_exchanges,
        )
        self._half = half
        self._loop = asyncio.get_running_loop()
        self._exchanges: dict[int, TunnelExchange] = {}
        self._blocked: dict[int, asyncio.Event] = {}
        self._unflushed: set[TunnelExchange] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._writable = False
        self._flushing = False
        self._greeted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    @property
    def in_flight(self) -> int:
        """How many exchanges are open."""
        return len(self._exchanges)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that serve an exchange now (plugin); one may outlast its exchange."""
        return [task for task in self._tasks.values() if not task.done()]  # one cancelled before it ran stays listed

    @property
    def accepting(self) -> bool:
        """Whether `open` would begin an exchange."""
        core = self._core
        return not (self._closed or core.peer is None or core.draining or core.peer_draining)

    async def run(self) -> None:
        """Carry exchanges until the stream ends.

        Returns when the peer ended the stream in order. Every exchange still open is then, or on any error, reset, and
        every task of this tunnel has ended.

        Raises:
            RemoteProtocolError: the peer broke the protocol.
        """
        offered = self.settings.max_exchanges if self._half is Half.PLUGIN else 0
        try:
            self._writable = self._carrier.send(encode([(0, Hello(self.settings.first_window, offered, AGENT))]))
            await self._carrier.run(self)
            if self._core.peer is None:
                raise RemoteProtocolError("the stream ended before the hello")
        finally:
            self._fail_all("the connection to the peer was lost")
            try:
                await self._carrier.close(self.settings.linger)
            finally:
                await self._finish_tasks()

    async def greeted(self) -> Hello:
        """Waits for the peer's hello."""
        await self._greeted.wait()
        if self._core.peer is None:
            raise TunnelClosed("the stream ended before the peer's hello")
        return self._core.peer

    def open(self, request: Request, *parts: Part) -> TunnelExchange:
        """Begin an exchange (gateway), with what there is of it beside the head.

        Raises:
            TunnelClosed: the tunnel ended, drains, or is full.
        """
        if self._closed:
            raise TunnelClosed("the connection to the plugin was lost")
        id = self._core.open(request, *parts)
        self._stir()
        return self._add(id, request)

    def drain(self) -> None:
        """Begin nothing new, and tell the peer; exchanges that are open go on."""
        self._core.drain()
        self._stir()

    async def wait_idle(self) -> None:
        """Waits until no exchange is open."""
        await self._idle.wait()

    # For the exchanges

    def post(self, id: int, *parts: Part) -> bool:
        """Queue parts; True where they have data and too much is queued: `written` is to be awaited before more."""
        self._core.send(id, *parts)
        self._stir()
        self._drop_forgotten()
        return self._core.queued(id) > self.settings.high_water and any(
            isinstance(part, (Body, Message)) for part in parts
        )

    async def written(self, id: int) -> None:
        """Waits until enough of an exchange was written, or until it is over."""
        await self._blocked.setdefault(id, asyncio.Event()).wait()

    def consume(self, id: int, amount: int) -> None:
        """The application took data."""
        self._core.consume(id, amount)
        self._stir()
        self._drop_forgotten()

    def reset(self, id: int, code: ResetCode, reason: str) -> None:
        """End an exchange."""
        self._core.reset(id, code, reason)
        self._stir()
        self._unblock(id)
        self._drop_forgotten()

    # For the carrier

    def receive(self, message: bytes) -> None:
        """The peer's next message; see `Receiver`."""
        for id, part in decode(message):
            self._receive(id, part)
        if not self._greeted.is_set():
            self._greet()
        for exchange in self._unflushed:
            exchange.flush()
        self._unflushed.clear()
        self._drop_forgotten()
        self._stir()

    def resume(self) -> None:
        """The carrier takes messages again."""
        self._writable = True
        self._flush()

    # Reading

    def _greet(self) -> None:
        """After the first message, which has the peer's hello."""
        if self._core.peer is None:
            raise RemoteProtocolError("the first message has no hello")
        logger.debug("tunnel to %s", self._core.peer.agent)
        self._greeted.set()

    def _receive(self, id: int, part: TunnelPart) -> None:
        event = self._core.receive(id, part)
        if event is None or isinstance(event, Drain):
            return
        if isinstance(event, Request):
            self._begin(id, self._add(id, event))
            return
        exchange = self._exchanges.get(id)
        if exchange is None:
            return
        if isinstance(event, Reset):
            exchange.end(event)
            self._unblock(id)
        else:
            exchange.deliver(event)
            self._unflushed.add(exchange)

    # Writing

    def _stir(self) -> None:
        """There may be something to send: soon, or at once where it is much."""
        if not self._writable or not self._core.has_output:
            return
        if self._core.ready >= BURST:
            self._flush()
        elif not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        try:
            while (
                self._writable and not self._closed and (batch := self._core.next_message(self.settings.message_size))
            ):
                self._writable = self._carrier.send(encode(batch))
                self._after_write()
        except Exception as error:  # called from anywhere; who runs the tunnel is to know
            self._writable = False
            self._carrier.fail(error)

    def _after_write(self) -> None:
        self._drop_forgotten()
        for id in list(self._blocked):
            if self._core.queued(id) <= self.settings.high_water:
                self._unblock(id)

    def _unblock(self, id: int) -> None:
        written = self._blocked.pop(id, None)
        if written is not None:
            written.set()

    # Exchanges and their tasks

    def _add(self, id: int, request: Request) -> TunnelExchange:
        exchange = self._exchanges[id] = TunnelExchange(self, id, request)
        self._idle.clear()
        return exchange

    def _begin(self, id: int, exchange: TunnelExchange) -> None:
        assert self._serve is not None, "only a plugin's core lets requests in"
        self._tasks[id] = self._loop.create_task(self._serve_one(self._serve, id, exchange))

    async def _serve_one(self, serve: Callable[[Exchange], Awaitable[None]], id: int, exchange: TunnelExchange) -> None:
        try:
            await serve(exchange)
        except Exception:  # the border to what the tunnel serves: one exchange's failure stays its own
            logger.exception("serving %s failed", exchange.request.method)
            exchange.reset(ResetCode.INTERNAL, "the server failed")
        except asyncio.CancelledError:
            exchange.reset(ResetCode.INTERNAL, "the server was stopped")
            raise
        finally:
            del self._tasks[id]

    def _drop_forgotten(self) -> None:
        for id in self._core.take_forgotten():
            self._exchanges.pop(id, None)
            if not self._exchanges:
                self._idle.set()

    def _fail_all(self, reason: str) -> None:
        self._closed = True
        self._greeted.set()
        for id, exchange in list(self._exchanges.items()):
            exchange.end(Reset(ResetCode.CANCELLED, reason))
            self._unblock(id)
        self._exchanges.clear()
        self._idle.set()

    async def _finish_tasks(self) -> None:
        """The applications have been told; those that do not end by themselves are cancelled."""
        tasks = self.tasks
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=self.settings.linger)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
