"""All exchanges of one tunnel, without I/O: docs/protocol.md as code.

Nothing here waits, reads a clock or knows of gRPC. The driver hands in what it received (`receive`) and what the local
side wants to send (`open`, `send`, `reset`, `consume`, `drain`), and takes out what is ready to be written
(`next_message`). Both ends run this class; `half` says which one it is.

The rules in short:

1. A part is checked against the tables before it is queued or delivered. A bad part of ours raises
   `LocalProtocolError`; a bad part of the peer's resets its exchange, or raises `RemoteProtocolError` for the stream.
2. Data leaves only within the peer's credit; what does not fit stays in its exchange's outbox and holds up nobody else.
3. Exchanges with something to send take turns, and share each message.
4. An exchange is forgotten once both halves are done, all was written, and all that was received was consumed.
   Until then it counts as open, so that `max_exchanges` bounds memory too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from mattermost_plugin.credit import Pool
from mattermost_plugin.exchange import Accept, Body, Informational, Message, Part, Request, Reset, ResetCode, Response
from mattermost_plugin.tunnel.errors import (
    ExchangeViolation,
    LocalProtocolError,
    RemoteProtocolError,
    TunnelClosed,
    VersionMismatch,
)
from mattermost_plugin.tunnel.open_exchange import OpenExchange
from mattermost_plugin.tunnel.parts import MAX_FRAMES, VERSION, Addressed, Credit, Drain, Hello, Invalid, TunnelPart
from mattermost_plugin.tunnel.states import Half, State
from mattermost_plugin.tunnel.windows import (
    CREDIT_LIMIT,
    FIRST_WINDOW,
    LARGEST_WINDOW,
    POOL_SIZE,
    SMALLEST_WINDOW,
    ReceiveWindow,
    SendWindow,
    cost,
)

MESSAGE_SIZE: Final = 64 * 1024
"""How much goes into one gRPC message: larger ones are slower, and make neighbours wait."""

SMALLEST_TURN: Final = 4096
"""What an exchange may send at its turn however many others wait; smaller pieces cost more than they give."""

PART_OVERHEAD: Final = 32
"""What a part without data adds to a message, roughly."""

HEAD_SIZE: Final = 1024
"""What a head adds to a message, by a rule instead of by measure: at most 64 share one, so that heads of up to 64 KiB
stay within the largest message. One of more than 32 fields counts for more, as they are bounded too."""

UNREAD_FOR_EACH: Final = 4
"""Resets and credit that may wait for a peer which does not read, for each exchange: one that keeps to its limits is
sent at most a reset, and credit for its window and for what that grew by."""

FEWEST_UNREAD: Final = 8192
"""What may wait for a peer however few exchanges there may be: more than one message can make necessary."""

LAST_WORDS: Final = frozenset((ResetCode.NO_ERROR, ResetCode.INTERNAL))
"""Resets that go out behind what is queued: what an application sent before it ended, or failed, was sent."""

MAX_EXCHANGES: Final = 16_384
"""How many exchanges a plugin takes at a time, unless told otherwise."""


class Connection:
    """One end of a tunnel.

    Args:
        half: which end this is.
        first_window: credit that the peer has at the start of each exchange, in bytes.
        largest_window: what one exchange's window may grow to, in bytes.
        pool_size: what all windows together may grow by, in bytes.
        max_exchanges: how many exchanges are taken at a time (plugin).
    """

    def __init__(
        self,
        half: Half,
        *,
        first_window: int = FIRST_WINDOW,
        largest_window: int = LARGEST_WINDOW,
        pool_size: int = POOL_SIZE,
        max_exchanges: int = MAX_EXCHANGES,
    ) -> None:
        self._plugin = half is Half.PLUGIN
        self.draining = False
        self.peer_draining = False
        self.peer: Hello | None = None
        self._first_window = first_window
        self._largest_window = largest_window
        self._pool = Pool(pool_size)
        self._max_exchanges = max_exchanges
        self._exchanges: dict[int, OpenExchange] = {}
        self._last_id = 0
        self._forgotten: list[int] = []
        self._control: list[Addressed] = []
        self._most_unread = max(FEWEST_UNREAD, UNREAD_FOR_EACH * max_exchanges)
        self._ready: deque[OpenExchange] = deque()

    # What the peer said

    def receive_hello(self, hello: Hello) -> None:
        """The peer's first message.

        Raises:
            RemoteProtocolError: no common version, a second hello, or a window that is too small.
        """
        if self.peer is not None:
            raise RemoteProtocolError("a second hello")
        if not hello.min_version <= VERSION <= hello.max_version:
            raise VersionMismatch(
                f"this end speaks version {VERSION}, the peer {hello.min_version} to {hello.max_version}"
            )
        if not SMALLEST_WINDOW <= hello.window < CREDIT_LIMIT:
            raise RemoteProtocolError(
                f"a window of {hello.window} bytes; it is to be at least {SMALLEST_WINDOW} and below 2^31"
            )
        self.peer = hello
        self._most_unread = max(self._most_unread, UNREAD_FOR_EACH * hello.max_exchanges)

    def receive(self, id: int, part: TunnelPart) -> Part | Drain | None:
        """A part arrived; returns what the local side must be told, if anything.

        Raises:
            RemoteProtocolError: the peer broke the protocol in a way that ends the stream, or goes on without reading
                what it was answered.
        """
        if len(self._control) > self._most_unread:
            raise RemoteProtocolError(
                f"{len(self._control)} resets and credits wait for a peer that does not read them"
            )
        if isinstance(part, Hello):
            self.receive_hello(part)
            return None
        if self.peer is None:
            raise RemoteProtocolError("a frame before the hello: the first message has no hello")
        if id == 0:
            return self._receive_control(part)
        if isinstance(part, Request) or (isinstance(part, Invalid) and part.opens):
            return self._receive_request(id, part)
        exchange = self._exchanges.get(id)
        if exchange is None:
            if id > self._last_id:
                raise RemoteProtocolError(f"{type(part).__name__} for exchange {id}, which was never opened")
            return None
        try:
            return self._receive_part(exchange, part)
        except ExchangeViolation as violation:
            reset = Reset(violation.code, str(violation))
            self._forget(exchange)
            self._control.append((id, reset))
            return reset

    def _receive_control(self, part: TunnelPart) -> Drain:
        if not isinstance(part, Drain):
            raise RemoteProtocolError(f"{type(part).__name__} on exchange 0")
        if not part.notice:
            self.peer_draining = True
        return part

    def _receive_request(self, id: int, request: Request | Invalid) -> Request | None:
        if not self._plugin:
            raise RemoteProtocolError("a plugin opened an exchange")
        if id <= self._last_id:
            raise RemoteProtocolError(f"exchange {id} was opened before; the last one was {self._last_id}")
        self._last_id = id
        if isinstance(request, Invalid):
            self._control.append((id, Reset(ResetCode.PROTOCOL, request.reason)))
            return None
        if self.draining or len(self._exchanges) >= self._max_exchanges:
            reason = "draining" if self.draining else f"{self._max_exchanges} exchanges are open"
            self._control.append((id, Reset(ResetCode.REFUSED, reason)))
            return None
        self._add(id, request)
        return request

    def _receive_part(self, exchange: OpenExchange, part: TunnelPart) -> Part | None:
        if isinstance(part, Credit):
            exchange.send_window.grant(part.amount)
            self._schedule(exchange)
            return None
        if isinstance(part, Reset):
            self._forget(exchange)
            return part
        if isinstance(part, (Invalid, Drain, Hello)):
            raise ExchangeViolation(ResetCode.PROTOCOL, part.reason if isinstance(part, Invalid) else "Drain")
        problem = exchange.advance(plugin=not self._plugin, part=part)
        if problem:
            raise ExchangeViolation(ResetCode.PROTOCOL, problem)
        if isinstance(part, (Body, Message)):
            exchange.receive_window.receive(part.data)
        self._forget_if_settled(exchange)
        return part

    # What the local side wants

    def open(self, request: Request, parts: Sequence[Part] = ()) -> int:
        """Begin an exchange, with what there is of it beside the head; returns its number.

        Raises:
            TunnelClosed: either side is draining, or the peer has as many exchanges as it takes.
            LocalProtocolError: this end may not open exchanges, or not yet; or a part is not allowed now.
        """
        if self._plugin or self.peer is None:
            raise LocalProtocolError("only a gateway opens exchanges, and only after the peer's hello")
        if self.draining or self.peer_draining:
            raise TunnelClosed("the plugin is draining")
        if len(self._exchanges) >= self.peer.max_exchanges:
            raise TunnelClosed(f"the plugin has {len(self._exchanges)} exchanges open and takes no more")
        self._last_id += 1
        exchange = self._add(self._last_id, request)
        exchange.outbox.append(request)
        self._queue(exchange, parts)
        return exchange.id

    def send(self, id: int, parts: Sequence[Part]) -> int:
        """Queue parts; returns how many bytes of the exchange are queued now.

        An exchange that is over swallows them: its reset is on the way to the caller.

        Raises:
            LocalProtocolError: a part is not allowed now; those before it are queued.
        """
        exchange = self._exchanges.get(id)
        return 0 if exchange is None else self._queue(exchange, parts)

    def reset(self, id: int, code: ResetCode, reason: str = "") -> None:
        """End an exchange in both directions; does nothing when it has ended.

        With NO_ERROR and INTERNAL what is queued still goes out first, otherwise it is dropped.
        """
        exchange = self._exchanges.get(id)
        if exchange is None:
            return
        if code in LAST_WORDS and exchange.outbox:
            exchange.abandoned = True
            if not exchange.finished:
                exchange.outbox.append(Reset(code, reason))
            return
        silent = exchange.unheard_of or (exchange.finished and not exchange.outbox)
        self._forget(exchange)
        if not silent:
            self._control.append((id, Reset(code, reason)))

    def consume(self, id: int, amount: int) -> None:
        """The application took data that `receive` delivered and that cost `amount`."""
        exchange = self._exchanges.get(id)
        if exchange is None:
            return
        credit = exchange.receive_window.consume(amount)
        if credit and not exchange.ended(plugin=not self._plugin):
            self._control.append((id, Credit(credit)))
        self._forget_if_settled(exchange)

    def announce_drain(self) -> None:
        """Say that this end is to drain soon."""
        self._control.append((0, Drain(notice=True)))

    def drain(self) -> None:
        """Begin nothing new, and say so; a second time does nothing."""
        if not self.draining:
            self.draining = True
            self._control.append((0, Drain()))

    # What is ready

    def queued(self, id: int) -> int:
        """Bytes of an exchange that wait for credit or for their turn."""
        exchange = self._exchanges.get(id)
        return exchange.queued if exchange else 0

    @property
    def has_forgotten(self) -> bool:
        """Whether `take_forgotten` would return anything."""
        return bool(self._forgotten)

    def take_forgotten(self) -> Sequence[int]:
        """The numbers of the exchanges that ceased to exist since this was asked last."""
        if not self._forgotten:
            return ()
        forgotten, self._forgotten = self._forgotten, []
        return forgotten

    def is_responding(self, id: int) -> bool:
        """Whether a plugin's response, or the messages of its WebSocket, are under way."""
        exchange = self._exchanges.get(id)
        return exchange is not None and exchange.plugin in (State.BODY, State.MESSAGES)

    def has_answered(self, id: int) -> bool:
        """Whether a plugin's half is complete, though not all of it may be written."""
        exchange = self._exchanges.get(id)
        return exchange is not None and exchange.ended(plugin=True)

    def is_open(self, id: int) -> bool:
        """Whether an exchange exists still."""
        return id in self._exchanges

    def is_unheard_of(self, id: int) -> bool:
        """Whether nothing of an exchange was written, so that the peer cannot know of it."""
        exchange = self._exchanges.get(id)
        return exchange is not None and exchange.unheard_of

    @property
    def takes(self) -> bool:
        """Whether `open` would begin an exchange."""
        peer = self.peer
        if peer is None or self.draining or self.peer_draining:
            return False
        return len(self._exchanges) < peer.max_exchanges

    @property
    def opened(self) -> int:
        """How many exchanges were opened so far."""
        return self._last_id

    @property
    def open_exchanges(self) -> int:
        """How many exchanges exist."""
        return len(self._exchanges)

    @property
    def has_output(self) -> bool:
        """Whether `next_message` would return anything."""
        return bool(self._control or self._ready)

    @property
    def ready(self) -> int:
        """How many exchanges have something to send."""
        return len(self._ready)

    def next_message(self, size: int = MESSAGE_SIZE) -> Sequence[Addressed]:
        """The parts for the next gRPC message of about `size` bytes, in order; empty when nothing is ready."""
        batch, self._control = self._control, []
        if len(batch) > MAX_FRAMES:
            batch, self._control = batch[:MAX_FRAMES], batch[MAX_FRAMES:]
        room = size
        share = size // max(1, len(self._ready))  # a small part of each goes out before a large one's next piece
        while self._ready and room > 0 and len(batch) < MAX_FRAMES:
            exchange = self._ready.popleft()
            room -= self._take_turn(exchange, max(SMALLEST_TURN, min(share, room)), batch)
            self._after_turn(exchange)
        return batch

    def _take_turn(self, exchange: OpenExchange, share: int, batch: list[Addressed]) -> int:
        used = 0
        while used < share and len(batch) < MAX_FRAMES and exchange.sendable:
            part = exchange.outbox[0]
            if isinstance(part, (Body, Message)):  # the two that credit counts, and that can be cut
                piece = self._next_piece(exchange, part, share - used)
                used += cost(piece.data)
                batch.append((exchange.id, piece))
            else:
                exchange.outbox.popleft()
                used += _size_of(part)
                batch.append((exchange.id, part))
                if isinstance(part, Reset):
                    self._forget(exchange)
        return used

    def _next_piece(self, exchange: OpenExchange, part: Body | Message, room: int) -> Body | Message:
        start = exchange.offset
        left = len(part.data) - start
        length = min(exchange.send_window.fits(left), max(room, 1))
        last = length >= left
        if start == 0 and last:  # whole, and so without a copy
            piece = part
        else:
            data = part.data[start : start + length]
            piece = Body(data) if isinstance(part, Body) else Message(data, part.text, part.more or not last)
        if last:
            exchange.outbox.popleft()
        exchange.offset = 0 if last else start + length
        exchange.queued -= length
        exchange.send_window.take(piece.data)
        return piece

    def _after_turn(self, exchange: OpenExchange) -> None:
        if exchange.sendable:
            self._ready.append(exchange)
            return
        exchange.scheduled = False
        self._forget_if_settled(exchange)

    # Bookkeeping

    def _add(self, id: int, request: Request) -> OpenExchange:
        assert self.peer is not None
        exchange = OpenExchange(
            id,
            request,
            SendWindow(self.peer.window),
            ReceiveWindow(self._pool, self._first_window, self._largest_window),
        )
        self._exchanges[id] = exchange
        return exchange

    def _queue(self, exchange: OpenExchange, parts: Sequence[Part]) -> int:
        for part in parts:
            problem = exchange.advance(plugin=self._plugin, part=part)
            if problem:
                raise LocalProtocolError(problem)
            exchange.outbox.append(part)
            if isinstance(part, (Body, Message)):
                exchange.queued += len(part.data)
        self._schedule(exchange)
        return exchange.queued

    def _schedule(self, exchange: OpenExchange) -> None:
        if not exchange.scheduled and exchange.sendable:
            exchange.scheduled = True
            self._ready.append(exchange)

    def _forget_if_settled(self, exchange: OpenExchange) -> None:
        if exchange.settled:
            self._forget(exchange)

    def _forget(self, exchange: OpenExchange) -> None:
        if self._exchanges.pop(exchange.id, None) is not None:
            exchange.outbox.clear()
            exchange.queued = 0
            exchange.receive_window.release()
            self._forgotten.append(exchange.id)


def _size_of(part: Part) -> int:
    """What a part without data adds to a message."""
    if isinstance(part, (Request, Response, Informational, Accept)):
        return max(HEAD_SIZE, PART_OVERHEAD * len(part.headers))
    return PART_OVERHEAD
