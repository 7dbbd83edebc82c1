"""Any interleaving of many exchanges over two cores, and any rubbish into one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
    End,
    Informational,
    Message,
    Part,
    Request,
    Reset,
    ResetCode,
    Response,
)
from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.tunnel.connection import Connection
from mattermost_plugin.tunnel.decoding import decode
from mattermost_plugin.tunnel.encoding import encode
from mattermost_plugin.tunnel.errors import RemoteProtocolError, TunnelClosed
from mattermost_plugin.tunnel.parts import Addressed, Drain
from mattermost_plugin.tunnel.states import EFFECTS, ENDED, TABLES, Half, State, opening_states
from mattermost_plugin.tunnel.windows import cost
from support.tunnels import OTHER, CorePair

FIRST_WINDOW = 4096
LARGEST_WINDOW = 16_384
POOL_SIZE = LARGEST_WINDOW - FIRST_WINDOW  # one exchange can have all of it
MAX_EXCHANGES = 6
HIGH_WATER = 8192

SIZES = [0, 1, 63, 64, 65, 1000, 4032, 4096, 20_000]
MAX_QUEUED = HIGH_WATER + max(SIZES)

PICKS = st.integers(0, 99)
SOME_SIZES = st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)

WEIGHTS: dict[type, int] = {Body: 5, Message: 5, Accept: 3}
"""How much likelier than others a part is to be sent, so that exchanges last."""

PATTERN = bytes(index % 251 for index in range(251 + max(SIZES)))


def pattern(offset: int, length: int) -> bytes:
    """Bytes of which every stretch says where it belongs."""
    start = offset % 251
    return PATTERN[start : start + length]


@dataclass
class View:
    """What one side knows of one exchange: what it sent, what it was told, what it holds."""

    half: Half
    request: Request
    sent: int = 0
    received: int = 0
    messages: list[bytes] = field(default_factory=list)
    partial: bytes = b""
    complete: int = 0
    held: deque[int] = field(default_factory=deque)
    under_way: int = 0
    """What the data sent and not yet received cost."""
    gave_up: bool = False
    """This side reset the exchange."""
    was_reset: bool = False
    """The peer did."""

    def __post_init__(self) -> None:
        gateway, plugin = opening_states(self.request)
        self.states = {Half.GATEWAY: gateway, Half.PLUGIN: plugin}

    @property
    def over(self) -> bool:
        return self.gave_up or self.was_reset

    @property
    def finished(self) -> bool:
        return set(self.states.values()) <= ENDED

    def advance(self, half: Half, part: Part) -> None:
        self.states[half] = TABLES[half][self.states[half]][type(part)]
        if half is Half.PLUGIN:
            gateway = self.states[Half.GATEWAY]
            self.states[Half.GATEWAY] = EFFECTS.get(gateway, {}).get(type(part), gateway)

    def may_send(self) -> list[type]:
        """The parts that the tables allow now."""
        return [] if self.over else list(TABLES[self.half][self.states[self.half]])


class Interleavings(RuleBasedStateMachine):
    """Two cores, many exchanges, and a model of what each side must be told."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = CorePair(
            first_window=FIRST_WINDOW,
            largest_window=LARGEST_WINDOW,
            pool_size=POOL_SIZE,
            max_exchanges=MAX_EXCHANGES,
        )
        self.views: dict[Half, dict[int, View]] = {Half.GATEWAY: {}, Half.PLUGIN: {}}

    # What the applications do

    @initialize(websockets=st.lists(st.booleans(), min_size=1, max_size=4))
    def open_some(self, websockets: list[bool]) -> None:
        for websocket in websockets:
            self.open(websocket, arrives=True)

    @rule(websocket=st.booleans(), arrives=st.booleans())
    def open(self, websocket: bool, arrives: bool) -> None:
        request = Request("GET", b"/", headers=[(b"a", b"b")], websocket=websocket)
        gateway = self.pair.gateway
        try:
            id = gateway.open(request)
        except TunnelClosed:
            assert gateway.draining or gateway.peer_draining or gateway.open_exchanges == MAX_EXCHANGES
        else:
            assert id not in self.views[Half.GATEWAY]
            self.views[Half.GATEWAY][id] = View(Half.GATEWAY, request)
        if arrives:
            self.deliver(Half.GATEWAY)

    @rule(pick=PICKS, kind=PICKS, sizes=SOME_SIZES, arrives=st.booleans())
    def gateway_sends(self, pick: int, kind: int, sizes: list[int], arrives: bool) -> None:
        self.send_some(Half.GATEWAY, pick, kind, sizes, arrives)

    @rule(pick=PICKS, kind=PICKS, sizes=SOME_SIZES, arrives=st.booleans())
    def plugin_sends(self, pick: int, kind: int, sizes: list[int], arrives: bool) -> None:
        self.send_some(Half.PLUGIN, pick, kind, sizes, arrives)

    @rule(half=st.sampled_from(Half), pick=PICKS, count=st.integers(1, 10))
    def consume(self, half: Half, pick: int, count: int) -> None:
        holding = sorted(id for id, view in self.views[half].items() if view.held)
        if holding:
            self.consume_some(half, holding[pick % len(holding)], count)

    @rule(pick=PICKS, way=st.sampled_from(["gateway cancels", "plugin cancels", "plugin has answered"]))
    def end_early(self, pick: int, way: str) -> None:
        half = Half.GATEWAY if way == "gateway cancels" else Half.PLUGIN
        going_on = sorted(id for id, view in self.views[half].items() if not view.over and not view.finished)
        if not going_on:
            return
        id = going_on[pick % len(going_on)]
        if way == "plugin has answered" and self.answer(id):
            self.give_up(half, id, ResetCode.NO_ERROR)
        else:
            self.give_up(half, id, ResetCode.CANCELLED)

    @precondition(lambda self: len(self.views[Half.GATEWAY]) > 8)
    @rule(half=st.sampled_from(Half))
    def drain(self, half: Half) -> None:
        self.pair.cores[half].drain()

    # What the wire does

    @rule(half=st.sampled_from(Half), size=st.sampled_from([1, 500, 5000, 65_536]), count=st.integers(1, 4))
    def write(self, half: Half, size: int, count: int) -> None:
        for _ in range(count):
            for id, part in self.pair.write(half, size):
                if isinstance(part, Reset):
                    assert part.code not in (ResetCode.PROTOCOL, ResetCode.FLOW_CONTROL), part.reason
                if isinstance(part, (Body, Message)):
                    self.views[half][id].under_way += cost(part.data)

    @rule(half=st.sampled_from(Half), count=st.integers(1, 4))
    def read(self, half: Half, count: int) -> None:
        for _ in range(min(count, len(self.pair.wire[OTHER[half]]))):
            for id, part in self.pair.read(half):
                self.told(half, id, part)

    @rule(half=st.sampled_from(Half))
    def deliver(self, half: Half) -> None:
        """Everything that one side has ready arrives."""
        while self.pair.cores[half].has_output:
            self.write(half, 65_536, 1)
        self.read(OTHER[half], len(self.pair.wire[half]))

    # How the model follows

    def send_some(self, half: Half, pick: int, kind: int, sizes: list[int], arrives: bool) -> None:
        ready = sorted(
            id
            for id, view in self.views[half].items()
            if view.may_send() and (kind % 8 == 0 or view.states[half] is not State.HANDSHAKE or half is Half.PLUGIN)
        )
        for size in sizes if ready else []:
            id = ready[pick % len(ready)]
            kinds = [kind for kind in self.views[half][id].may_send() for _ in range(WEIGHTS.get(kind, 1))]
            if kinds:
                self.send_part(half, id, kinds[kind % len(kinds)], size)
        if arrives:
            self.deliver(half)

    def answer(self, id: int) -> bool:
        """The plugin sends the rest of an HTTP response; False where it opened a WebSocket."""
        view = self.views[Half.PLUGIN][id]
        for kind in (Response, End):
            if kind in view.may_send():
                self.send_part(Half.PLUGIN, id, kind, 0)
        return view.states[Half.PLUGIN] is State.DONE

    def send_part(self, half: Half, id: int, kind: type, size: int) -> None:
        view, core = self.views[half][id], self.pair.cores[half]
        part: Part
        if kind in (Body, Message):
            if core.queued(id) > HIGH_WATER:
                return  # the driver would wait here
            if kind is Message:
                part = Message(pattern(view.sent, size), text=bool(size % 2))
                view.messages.append(part.data)
            else:
                part = Body(pattern(view.sent, max(size, 1)))
            view.sent += len(part.data)
        else:
            part = HEADS_AND_ENDS[kind]()
        view.advance(half, part)
        core.send(id, [part])

    def give_up(self, half: Half, id: int, code: ResetCode) -> None:
        self.pair.cores[half].reset(id, code)
        view = self.views[half][id]
        view.gave_up = True
        view.held.clear()  # it is never consumed

    def consume_some(self, half: Half, id: int, count: int) -> None:
        held = self.views[half][id].held
        for _ in range(min(count, len(held))):
            self.pair.cores[half].consume(id, held.popleft())

    def told(self, half: Half, id: int, part: Part | Drain) -> None:
        if isinstance(part, Drain):
            return
        if isinstance(part, Request):
            assert id not in self.views[half]
            self.views[half][id] = View(half, part)
            return
        view = self.views[half][id]
        assert not view.was_reset, "nothing comes after a reset"
        if isinstance(part, (Body, Message)):
            self.views[OTHER[half]][id].under_way -= cost(part.data)
        if isinstance(part, Reset):
            view.was_reset = True
            view.held.clear()
        elif not view.gave_up:
            view.advance(OTHER[half], part)
            self.take(view, self.views[OTHER[half]][id], part)

    def take(self, view: View, peer: View, part: Part) -> None:
        """Check what was received against what the peer sent."""
        if isinstance(part, (Body, Message)):
            assert part.data == pattern(view.received, len(part.data))
            view.received += len(part.data)
            assert view.received <= peer.sent
            view.held.append(cost(part.data))
        if isinstance(part, Message):
            view.partial += part.data
            if not part.more:
                assert view.partial == peer.messages[view.complete]
                assert part.text == bool(len(view.partial) % 2)
                view.complete += 1
                view.partial = b""
        if isinstance(part, (End, Close)):
            assert view.received == peer.sent
            assert view.complete == len(peer.messages)
            assert not view.partial

    # What always holds

    @invariant()
    def memory_is_bounded(self) -> None:
        for half, core in self.pair.cores.items():
            granted = 0
            for id, view in self.views[half].items():
                assert core.queued(id) <= MAX_QUEUED
                if core.is_open(id) and id in self.views[OTHER[half]] and not view.gave_up:
                    in_use = sum(view.held) + self.views[OTHER[half]][id].under_way
                    assert in_use <= LARGEST_WINDOW
                    granted += in_use
            assert granted <= core.open_exchanges * FIRST_WINDOW + POOL_SIZE
        assert self.pair.plugin.open_exchanges <= MAX_EXCHANGES

    # How it ends

    def teardown(self) -> None:
        while self.end_what_can_be_ended() or self.move_everything():
            pass
        for half, core in self.pair.cores.items():
            assert core.open_exchanges == 0, f"the {half.value} still holds an exchange"
            for id, view in self.views[half].items():
                assert view.over or view.finished, f"exchange {id} never ended for the {half.value}"
        if not (self.pair.gateway.draining or self.pair.plugin.draining):
            self.the_whole_pool_came_back()

    def end_what_can_be_ended(self) -> bool:
        """Send the last parts of whatever is going on."""
        progress = False
        for half, views in self.views.items():
            for id, view in views.items():
                for kind in (Response, End, Close):
                    if kind in view.may_send() and not (half is Half.GATEWAY and view.states[half] is State.HANDSHAKE):
                        self.send_part(half, id, kind, 0)
                        progress = True
        return progress

    def move_everything(self) -> bool:
        progress = False
        for half in Half:
            for id, view in self.views[half].items():
                progress = progress or bool(view.held)
                self.consume_some(half, id, len(view.held))
            self.write(half, 65_536, 4)
            progress = progress or bool(self.pair.wire[half])
            self.read(OTHER[half], len(self.pair.wire[half]))
        return progress

    def the_whole_pool_came_back(self) -> None:
        """One exchange that is read at once is given all of it again."""
        self.open(websocket=False, arrives=True)
        id = max(self.views[Half.GATEWAY])
        view = self.views[Half.GATEWAY][id]
        largest = 0
        for _ in range(8):
            self.send_part(Half.GATEWAY, id, Body, 20_000)
            self.write(Half.GATEWAY, 65_536, 2)
            largest = max(largest, view.under_way)
            self.move_everything()
        assert largest > LARGEST_WINDOW - 128


HEADS_AND_ENDS: dict[type, Callable[[], Part]] = {
    Informational: lambda: Informational(103),
    Response: lambda: Response(200, [(b"a", b"b")]),
    Accept: Accept,
    End: End,
    Close: Close,
}

TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(stateful_step_count=60)


# A hostile peer


IDS = st.sampled_from([0, 1, 2, 3, 4, 2**64 - 1])
BYTES = st.binary(max_size=40)
LISTS = st.lists(BYTES, max_size=3)
STATUSES = st.sampled_from([0, 99, 100, 101, 103, 200, 999, 1000, 2**32 - 1])

KINDS: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.just({}),
    st.builds(
        lambda **fields: {"request": pb.Request(**fields)},
        method=st.sampled_from(["", "GET"]),
        target=BYTES,
        root_length=st.integers(0, 60),
        headers=st.lists(st.builds(pb.Fields, items=LISTS), max_size=3),
        websocket=st.booleans(),
    ),
    st.builds(lambda s, h: {"informational": pb.Response(status=s, headers=h)}, STATUSES, LISTS),
    st.builds(lambda s, h: {"response": pb.Response(status=s, headers=h)}, STATUSES, LISTS),
    st.builds(lambda h: {"accept": pb.Accept(headers=h)}, LISTS),
    st.builds(lambda d, m: {"message": pb.WebSocketMessage(data=d, more=m)}, BYTES, st.booleans()),
    st.builds(lambda c: {"close": pb.Close(code=c)}, st.integers(0, 2**32 - 1)),
    st.builds(lambda c: {"reset": pb.Reset(code=pb.ResetCode.ValueType(c))}, st.integers(-1, 9)),
    st.builds(lambda c: {"credit": c}, st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**64 - 1])),
    st.just({"drain": pb.Drain()}),
)


@st.composite
def frames(draw: st.DrawFn) -> pb.Frame:
    body = draw(st.sampled_from([b"", b"x", bytes(70_000)]))
    kind: dict[str, Any] = draw(KINDS)
    return pb.Frame(exchange=draw(IDS), body=body, end=draw(st.booleans()), trailers=draw(LISTS), **kind)


HELLOS = st.none() | st.builds(
    pb.Hello,
    min_version=st.integers(0, 2),
    max_version=st.integers(0, 2),
    window=st.sampled_from([0, 4095, 4096, 65_536, 2**32 - 1]),
    max_exchanges=st.integers(0, 3),
)
MESSAGES = st.builds(
    lambda hello, frames: pb.Message(hello=hello, frames=frames), HELLOS, st.lists(frames(), max_size=6)
)


def greeted(half: Half) -> Connection:
    """A core of a tunnel that works, with exchanges 1 (HTTP) and 2 (WebSocket) open."""
    pair = CorePair(max_exchanges=3)
    pair.gateway.open(Request("POST", b"/"))
    pair.gateway.open(Request("GET", b"/", websocket=True))
    pair.to_plugin()
    return pair.cores[half]


def feed(core: Connection, message: bytes) -> bool:
    """What a driver does with a message; False once the peer's violation has ended the stream."""
    try:
        for id, part in decode(message):
            core.receive(id, part)
    except RemoteProtocolError:
        return False
    reply: Iterable[Addressed] = core.next_message()
    encode(reply)
    return True


@given(st.booleans(), st.sampled_from(Half), st.lists(MESSAGES, max_size=5))
def test_nothing_that_parses_raises_anything_but_remote_protocol_error(
    before_hello: bool, half: Half, messages: list[pb.Message]
) -> None:
    core = Connection(half) if before_hello else greeted(half)
    for message in messages:
        if not feed(core, message.SerializeToString()):
            break


def ordinary_messages() -> list[bytes]:
    """What a gateway writes in a short life."""
    pair = CorePair()
    gateway = pair.gateway
    for request in (Request("POST", b"/a", headers=[(b"a", b"b")]), Request("GET", b"/", websocket=True)):
        gateway.open(request)
    for part in (Body(bytes(5000)), Body(b"x"), End([(b"a", b"b")])):
        gateway.send(1, [part])
    gateway.send(2, [Close(1000, "bye")])
    pair.write(Half.GATEWAY, 4096)
    gateway.reset(1, ResetCode.CANCELLED)
    gateway.drain()
    pair.write(Half.GATEWAY)
    return list(pair.wire[Half.GATEWAY])


ORDINARY = ordinary_messages()


@given(
    st.sampled_from(Half),
    st.lists(st.tuples(st.integers(0, len(ORDINARY) - 1), st.integers(0, 10_000), st.binary(max_size=4)), max_size=6),
)
def test_mutated_messages_raise_nothing_but_remote_protocol_error(
    half: Half, mutations: list[tuple[int, int, bytes]]
) -> None:
    messages = [bytearray(message) for message in ORDINARY]
    for index, position, replacement in mutations:
        at = position % len(messages[index])
        messages[index][at : at + len(replacement)] = replacement
    core = greeted(half)
    for data in messages:
        if not feed(core, bytes(data)):
            break
