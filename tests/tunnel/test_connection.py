"""All exchanges of one tunnel, without I/O: two cores, and what each is told."""

from __future__ import annotations

from collections import Counter
from typing import SupportsIndex, overload

import pytest

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
from mattermost_plugin.tunnel.codec import decode, encode
from mattermost_plugin.tunnel.connection import FEWEST_OWED, MESSAGE_SIZE, SMALLEST_TURN, Connection
from mattermost_plugin.tunnel.errors import LocalProtocolError, RemoteProtocolError, TunnelClosed
from mattermost_plugin.tunnel.parts import MAX_FRAMES, Credit, Drain, Hello, Invalid, TunnelPart
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import FIRST_WINDOW, cost
from mattermost_plugin.tunnel.wire_format import MAX_FIELDS
from support.tunnels import COMPILED, GET, POST, WEBSOCKET, CorePair, Received


def opened(pair: CorePair, request: Request = POST) -> int:
    """An exchange that both sides know of."""
    id = pair.gateway.open(request)
    pair.to_plugin()
    return id


def send(core: Connection, id: int, *parts: Part) -> None:
    for part in parts:
        core.send(id, [part])


def parts_of(received: list[Received], id: int) -> list[Part | Drain]:
    return [part for number, part in received if number == id]


def resets(received: list[Received]) -> list[tuple[int, ResetCode]]:
    return [(id, part.code) for id, part in received if isinstance(part, Reset)]


def data_of(received: list[Received], id: int) -> bytes:
    return b"".join(part.data for part in parts_of(received, id) if isinstance(part, (Body, Message)))


# In order


def test_an_exchange_in_order_arrives_part_by_part_and_is_forgotten() -> None:
    pair = CorePair()
    id = pair.gateway.open(POST)
    send(pair.gateway, id, Body(b"question"), End())
    assert pair.to_plugin() == [(1, Request("POST", b"/", headers=[])), (1, Body(b"question")), (1, End())]
    pair.plugin.consume(id, cost(b"question"))
    send(pair.plugin, id, Informational(103), Response(200), Body(b"answer"), End([(b"a", b"b")]))
    assert pair.to_gateway() == [
        (1, Informational(103, [])),
        (1, Response(200, [])),
        (1, Body(b"answer")),
        (1, End([(b"a", b"b")])),
    ]
    assert not pair.plugin.is_open(id)
    assert pair.gateway.is_open(id), "the answer was not consumed yet"
    pair.gateway.consume(id, cost(b"answer"))
    assert pair.gateway.open_exchanges == pair.plugin.open_exchanges == 0


def test_exchanges_are_numbered_from_one() -> None:
    pair = CorePair()
    assert [pair.gateway.open(GET) for _ in range(3)] == [1, 2, 3]
    assert [id for id, _ in pair.to_plugin()] == [1, 2, 3]


def test_the_response_may_end_before_the_request() -> None:
    pair = CorePair()
    id = opened(pair)
    send(pair.plugin, id, Response(200), End())
    pair.to_gateway()
    send(pair.gateway, id, Body(b"late"), End())
    assert parts_of(pair.to_plugin(), id) == [Body(b"late"), End()]
    pair.plugin.consume(id, cost(b"late"))
    assert not pair.gateway.is_open(id)
    assert not pair.plugin.is_open(id)


def test_a_websocket_carries_messages_both_ways_until_both_have_closed() -> None:
    pair = CorePair()
    id = opened(pair, WEBSOCKET)
    send(pair.plugin, id, Accept([(b"a", b"b")], "chat"), Message(b"hello", text=True))
    assert parts_of(pair.to_gateway(), id) == [Accept([(b"a", b"b")], "chat"), Message(b"hello", text=True)]
    send(pair.gateway, id, Message(b""), Close(1001, "bye"))
    assert parts_of(pair.to_plugin(), id) == [Message(b""), Close(1001, "bye")]
    send(pair.plugin, id, Message(b"begun already"), Close(1001))
    assert parts_of(pair.to_gateway(), id) == [Message(b"begun already"), Close(1001)]
    pair.plugin.consume(id, cost(b""))
    pair.gateway.consume(id, cost(b"hello") + cost(b"begun already"))
    assert pair.gateway.open_exchanges == pair.plugin.open_exchanges == 0


def test_a_refused_websocket_is_an_http_response() -> None:
    pair = CorePair()
    id = opened(pair, WEBSOCKET)
    send(pair.plugin, id, Response(403), Body(b"no"), End())
    assert parts_of(pair.to_gateway(), id) == [Response(403, []), Body(b"no"), End()]
    pair.gateway.consume(id, cost(b"no"))
    assert pair.gateway.open_exchanges == pair.plugin.open_exchanges == 0


def test_a_close_that_crosses_the_refusal_does_not_harm_it() -> None:
    pair = CorePair()
    id = opened(pair, WEBSOCKET)
    send(pair.plugin, id, Response(403))
    pair.gateway.send(id, [Close(1001)])
    assert resets(pair.to_plugin()) == []
    send(pair.plugin, id, Body(b"no"), End())
    assert parts_of(pair.to_gateway(), id) == [Response(403, []), Body(b"no"), End()]


def test_a_gateway_may_close_after_it_read_the_refusal() -> None:
    pair = CorePair()
    id = opened(pair, WEBSOCKET)
    send(pair.plugin, id, Response(403))
    pair.to_gateway()
    pair.gateway.send(id, [Close(1001)])
    assert resets(pair.to_plugin()) == []


def test_parts_of_one_exchange_keep_their_order_across_messages_of_any_size() -> None:
    pair = CorePair()
    id = opened(pair)
    pieces = [Body(bytes([n]) * (n * 13 + 1)) for n in range(60)]
    send(pair.gateway, id, *pieces, End([(b"n", b"60")]))
    received: list[Received] = []
    while pair.write(Half.GATEWAY, 500):
        received += pair.read(Half.PLUGIN)
    assert data_of(received, id) == b"".join(piece.data for piece in pieces)
    assert parts_of(received, id)[-1] == End([(b"n", b"60")])


def test_a_frame_for_nobody_is_no_error_after_the_end() -> None:
    pair = CorePair()
    id = opened(pair)
    send(pair.gateway, id, End())
    pair.to_plugin()
    send(pair.plugin, id, Response(200), End())
    pair.to_gateway()
    for part in (Body(b"x"), End(), Credit(5), Reset(ResetCode.CANCELLED), Invalid("nonsense")):
        assert pair.plugin.receive(id, part) is None
    assert not pair.plugin.has_output


# Ends before their time


def test_a_plugin_that_has_answered_may_leave_the_request_unread() -> None:
    pair = CorePair()
    id = opened(pair)
    send(pair.gateway, id, Body(b"x" * 100))
    pair.to_plugin()
    send(pair.plugin, id, Response(413), Body(b"too much"), End())
    pair.plugin.reset(id, ResetCode.NO_ERROR, "answered")
    assert parts_of(pair.to_gateway(), id) == [
        Response(413, []),
        Body(b"too much"),
        End(),
        Reset(ResetCode.NO_ERROR, "answered"),
    ]
    assert pair.gateway.open_exchanges == pair.plugin.open_exchanges == 0


def test_an_early_answer_still_waits_for_credit_before_its_reset() -> None:
    pair = CorePair(first_window=4096, largest_window=4096)
    id = opened(pair)
    body = bytes(10_000)
    send(pair.plugin, id, Response(200), Body(body), End())
    pair.plugin.reset(id, ResetCode.NO_ERROR)
    received: list[Received] = []
    while batch := pair.to_gateway():
        received += batch
        for part in parts_of(batch, id):
            if isinstance(part, Body):
                pair.gateway.consume(id, cost(part.data))
        pair.to_plugin()
    assert data_of(received, id) == body
    assert resets(received) == [(id, ResetCode.NO_ERROR)]
    assert not pair.plugin.is_open(id)


def test_a_request_that_nobody_reads_is_forgotten_once_it_was_answered() -> None:
    pair = CorePair()
    id = opened(pair)
    send(pair.gateway, id, Body(b"never read"), End())
    pair.to_plugin()
    send(pair.plugin, id, Response(200), End())
    pair.plugin.reset(id, ResetCode.NO_ERROR)
    assert resets(pair.to_gateway()) == [], "the request was complete: there is nothing to stop"
    assert pair.gateway.open_exchanges == pair.plugin.open_exchanges == 0


@pytest.mark.parametrize("sender", Half)
def test_a_reset_ends_both_directions(sender: Half) -> None:
    pair = CorePair()
    id = opened(pair)
    pair.cores[sender].reset(id, ResetCode.TIMEOUT, "too slow")
    received = pair.move(sender)
    assert received == [(id, Reset(ResetCode.TIMEOUT, "too slow"))]
    assert pair.gateway.open_exchanges == pair.plugin.open_exchanges == 0


def test_what_is_queued_behind_a_reset_is_dropped() -> None:
    pair = CorePair()
    id = opened(pair)
    send(pair.gateway, id, Body(b"x" * 1000))
    assert pair.gateway.queued(id) == 1000
    pair.gateway.reset(id, ResetCode.CANCELLED)
    assert pair.gateway.queued(id) == 0
    assert pair.to_plugin() == [(id, Reset(ResetCode.CANCELLED))]


def test_sending_on_an_exchange_that_is_over_does_nothing() -> None:
    pair = CorePair()
    id = opened(pair)
    pair.plugin.reset(id, ResetCode.INTERNAL)
    pair.to_gateway()
    send(pair.gateway, id, Body(b"x"), End())
    pair.gateway.consume(id, 100)
    pair.gateway.reset(id, ResetCode.CANCELLED)
    assert not pair.gateway.has_output


def test_resets_that_cross_end_the_exchange_once_at_each_side() -> None:
    pair = CorePair()
    id = opened(pair)
    pair.gateway.reset(id, ResetCode.CANCELLED)
    pair.plugin.reset(id, ResetCode.INTERNAL)
    assert pair.to_plugin() == []
    assert pair.to_gateway() == []


def test_frames_that_cross_a_reset_are_ignored() -> None:
    pair = CorePair()
    id = opened(pair)
    send(pair.plugin, id, Response(200), Body(b"under way"), End())
    pair.write(Half.PLUGIN)
    pair.gateway.reset(id, ResetCode.CANCELLED)
    assert pair.read(Half.GATEWAY) == []
    pair.to_plugin()
    assert pair.gateway.open_exchanges == pair.plugin.open_exchanges == 0


def test_a_reset_before_the_request_was_written_leaves_nothing_to_write() -> None:
    pair = CorePair()
    first = pair.gateway.open(POST)
    pair.gateway.reset(first, ResetCode.CANCELLED)
    assert not pair.gateway.is_open(first)
    second = pair.gateway.open(GET)
    assert [id for id, _ in pair.to_plugin()] == [second], "the plugin never hears of the first"


def test_an_exchange_that_ended_in_order_has_nothing_to_reset() -> None:
    pair = CorePair()
    id = opened(pair)
    send(pair.gateway, id, End())
    pair.to_plugin()
    send(pair.plugin, id, Response(200), Body(b"x"), End())
    pair.to_gateway()
    pair.gateway.reset(id, ResetCode.CANCELLED)
    assert not pair.gateway.has_output
    assert not pair.gateway.is_open(id)


# Credit


def test_data_is_cut_at_the_credit() -> None:
    pair = CorePair(first_window=4096)
    id = opened(pair)
    send(pair.gateway, id, Body(bytes(10_000)), End())
    assert [len(part.data) for part in parts_of(pair.to_plugin(), id) if isinstance(part, Body)] == [4096 - 64]
    assert pair.gateway.queued(id) == 10_000 - 4032
    assert not pair.gateway.has_output


def test_credit_lets_the_rest_go() -> None:
    pair = CorePair(first_window=4096, largest_window=4096)
    id = opened(pair)
    send(pair.gateway, id, Body(bytes(5000)), End())
    (piece,) = parts_of(pair.to_plugin(), id)
    assert isinstance(piece, Body)
    pair.plugin.consume(id, cost(piece.data))
    pair.to_gateway()
    assert parts_of(pair.to_plugin(), id) == [Body(bytes(5000 - 4032)), End()]


def test_credit_comes_back_only_for_what_was_consumed() -> None:
    pair = CorePair(first_window=4096, largest_window=4096)
    id = opened(pair)
    send(pair.gateway, id, Body(bytes(5000)))
    pair.to_plugin()
    assert not pair.plugin.has_output
    pair.plugin.consume(id, 2047)
    assert not pair.plugin.has_output, "less than half of the window is free"
    pair.plugin.consume(id, 1)
    assert pair.write(Half.PLUGIN) == [(id, Credit(2048))]


def test_a_sender_that_has_ended_gets_no_credit() -> None:
    pair = CorePair(first_window=4096)
    id = opened(pair)
    send(pair.gateway, id, Body(bytes(4000)), End())
    pair.to_plugin()
    pair.plugin.consume(id, cost(bytes(4000)))
    assert not pair.plugin.has_output


def test_many_small_pieces_use_the_window_up_too() -> None:
    pair = CorePair(first_window=4096)
    id = opened(pair)
    send(pair.gateway, id, *(Body(b"x") for _ in range(100)))
    assert len(parts_of(pair.to_plugin(), id)) == 4096 // 65


def test_empty_websocket_messages_use_the_window_up_too() -> None:
    pair = CorePair(first_window=4096)
    id = opened(pair, WEBSOCKET)
    send(pair.plugin, id, Accept(), *(Message(b"") for _ in range(100)))
    assert len(parts_of(pair.to_gateway(), id)) == 1 + 4096 // 64


def test_heads_and_ends_cost_nothing() -> None:
    pair = CorePair(first_window=4096)
    id = opened(pair)
    send(pair.plugin, id, Informational(103, [(b"link", bytes(3000))]), Response(200, [(b"a", bytes(3000))]))
    send(pair.plugin, id, Body(bytes(4032)), End())
    assert len(parts_of(pair.to_gateway(), id)) == 4


def test_the_window_of_each_exchange_is_its_own() -> None:
    pair = CorePair(first_window=4096)
    stalled, other = opened(pair), opened(pair)
    send(pair.gateway, stalled, Body(bytes(100_000)))
    pair.to_plugin()
    send(pair.gateway, other, Body(b"x"), End())
    assert pair.to_plugin() == [(other, Body(b"x")), (other, End())]


# Turns


def test_a_message_is_about_as_large_as_asked() -> None:
    pair = CorePair(first_window=1_000_000)
    id = opened(pair)
    send(pair.gateway, id, Body(bytes(500_000)))
    while pair.write(Half.GATEWAY):
        pass
    sizes = [len(message) for message in pair.wire[Half.GATEWAY]]
    assert all(MESSAGE_SIZE <= size <= MESSAGE_SIZE + 200 for size in sizes[:-1])
    assert len(sizes) == 8


@pytest.mark.parametrize("count", [2, 3, 8])
def test_exchanges_that_are_ready_share_a_message_equally(count: int) -> None:
    pair = CorePair(first_window=1_000_000)
    ids = [opened(pair) for _ in range(count)]
    for id in ids:
        send(pair.gateway, id, Body(bytes(500_000)))
    for _ in range(5):
        shares = Counter[int]()
        for id, part in pair.write(Half.GATEWAY):
            assert isinstance(part, Body)
            shares[id] += cost(part.data)
        assert set(shares) == set(ids)
        assert max(shares.values()) - min(shares.values()) <= 64 * count


def test_a_turn_is_never_tiny_however_many_wait() -> None:
    pair = CorePair(first_window=1_000_000)
    ids = [opened(pair) for _ in range(100)]
    for id in ids:
        send(pair.gateway, id, Body(bytes(20_000)))
    seen = []
    for _ in range(7):
        batch = pair.write(Half.GATEWAY)
        assert all(isinstance(part, Body) and len(part.data) == SMALLEST_TURN for _, part in batch)
        seen += [id for id, _ in batch]
    assert seen[:100] == ids, "each has its turn before any has a second"


def test_credit_resets_and_drains_go_before_data() -> None:
    pair = CorePair(first_window=4096)
    one, two = opened(pair), opened(pair)
    send(pair.gateway, one, Body(bytes(3000)))
    pair.to_plugin()
    send(pair.plugin, one, Response(200), Body(bytes(100_000)))
    pair.plugin.consume(one, cost(bytes(3000)))
    pair.plugin.reset(two, ResetCode.INTERNAL)
    pair.plugin.drain()
    kinds = [type(part) for _, part in pair.write(Half.PLUGIN)]
    assert kinds == [Credit, Reset, Drain, Response, Body]


class CountedBytes(bytes):
    """Bytes that know how many of them were copied out by slicing."""

    copied = 0

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> bytes: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | bytes:
        result = super().__getitem__(key)
        if isinstance(result, bytes):
            CountedBytes.copied += len(result)
        return result


@pytest.mark.skipif(COMPILED, reason="compiled code slices bytes without asking their class")
def test_a_big_body_is_copied_once_however_often_it_is_cut() -> None:
    CountedBytes.copied = 0
    size = 8 * 1024 * 1024
    pair = CorePair(first_window=2 * size)
    id = opened(pair)
    pair.gateway.send(id, [Body(CountedBytes(size))])
    pieces = 0
    while batch := pair.gateway.next_message(4096):
        pieces += len(batch)
    assert pieces > 1000
    assert CountedBytes.copied == size


# Draining and limits


def test_a_plugin_that_drains_refuses_what_was_under_way_and_finishes_the_rest() -> None:
    pair = CorePair()
    id = opened(pair)
    pair.plugin.drain()
    late = pair.gateway.open(POST)
    send(pair.gateway, late, Body(b"x"), End())
    assert pair.to_plugin() == []
    received = pair.to_gateway()
    assert received == [(0, Drain()), (late, Reset(ResetCode.REFUSED, "draining"))]
    send(pair.gateway, id, End())
    pair.to_plugin()
    send(pair.plugin, id, Response(200), End())
    assert parts_of(pair.to_gateway(), id) == [Response(200, []), End()]
    assert pair.gateway.open_exchanges == pair.plugin.open_exchanges == 0


def test_a_gateway_opens_nothing_after_either_side_began_to_drain() -> None:
    pair = CorePair()
    pair.plugin.drain()
    pair.to_gateway()
    assert pair.gateway.peer_draining
    with pytest.raises(TunnelClosed, match="draining"):
        pair.gateway.open(GET)

    pair = CorePair()
    pair.gateway.drain()
    with pytest.raises(TunnelClosed, match="draining"):
        pair.gateway.open(GET)
    assert pair.to_plugin() == [(0, Drain())]
    assert pair.plugin.peer_draining


def test_draining_is_said_once() -> None:
    pair = CorePair()
    pair.plugin.drain()
    pair.plugin.drain()
    assert pair.write(Half.PLUGIN) == [(0, Drain())]


def test_a_gateway_keeps_to_the_plugins_limit() -> None:
    pair = CorePair(max_exchanges=2)
    pair.gateway.open(GET)
    pair.gateway.open(GET)
    with pytest.raises(TunnelClosed, match="2 exchanges open"):
        pair.gateway.open(GET)


def test_an_exchange_counts_until_all_of_it_was_consumed() -> None:
    pair = CorePair(max_exchanges=1)
    id = opened(pair)
    send(pair.gateway, id, End())
    pair.to_plugin()
    send(pair.plugin, id, Response(200), Body(b"x"), End())
    pair.to_gateway()
    with pytest.raises(TunnelClosed):
        pair.gateway.open(GET)
    pair.gateway.consume(id, cost(b"x"))
    assert pair.gateway.open(GET) == 2


# Our own mistakes


def test_only_a_gateway_opens_exchanges() -> None:
    with pytest.raises(LocalProtocolError):
        CorePair().plugin.open(GET)


def test_nothing_is_opened_before_the_peers_hello() -> None:
    with pytest.raises(LocalProtocolError):
        Connection(Half.GATEWAY).open(GET)


# The peer's violations: docs/protocol.md §7, row by row


def receive(core: Connection, *frames: pb.Frame) -> list[Received]:
    return [
        (id, event)
        for id, part in decode(pb.Message(frames=frames).SerializeToString())
        if (event := core.receive(id, part)) is not None
    ]


def assert_reset(core: Connection, id: int, code: ResetCode, received: list[Received]) -> None:
    """The local side was told, the peer will be, and the exchange is gone."""
    assert resets(received)[-1:] == [(id, code)]
    assert resets([(id, part) for id, part in core.next_message() if isinstance(part, Reset)]) == [(id, code)]
    assert not core.is_open(id)


@pytest.mark.parametrize(
    "frame",
    [
        pb.Frame(exchange=1, response=pb.Response(status=200)),
        pb.Frame(exchange=1, accept=pb.Accept()),
        pb.Frame(exchange=1, message=pb.WebSocketMessage(data=b"x")),
        pb.Frame(exchange=1, close=pb.Close(code=1000)),
        pb.Frame(exchange=1, drain=pb.Drain()),
    ],
)
def test_a_part_that_the_table_forbids_resets_its_exchange(frame: pb.Frame) -> None:
    pair = CorePair()
    opened(pair)
    assert_reset(pair.plugin, 1, ResetCode.PROTOCOL, receive(pair.plugin, frame))


def test_the_reset_says_what_was_wrong() -> None:
    pair = CorePair()
    id = opened(pair)
    pair.plugin.receive(id, End())
    event = pair.plugin.receive(id, Body(b"x"))
    assert event == Reset(ResetCode.PROTOCOL, "Body from the gateway in state done")


def test_a_violation_on_one_exchange_leaves_the_others_alone() -> None:
    pair = CorePair()
    bad, good = opened(pair), opened(pair)
    receive(pair.plugin, pb.Frame(exchange=bad, accept=pb.Accept()))
    send(pair.gateway, good, Body(b"x"), End())
    assert parts_of(pair.to_plugin(), good) == [Body(b"x"), End()]


def test_data_beyond_the_credit_resets_its_exchange() -> None:
    pair = CorePair(first_window=4096)
    id = opened(pair)
    received = receive(pair.plugin, pb.Frame(exchange=id, body=bytes(4033)))
    assert_reset(pair.plugin, id, ResetCode.FLOW_CONTROL, received)


def test_credit_beyond_2_to_the_31_resets_its_exchange() -> None:
    pair = CorePair()
    id = opened(pair)
    assert receive(pair.plugin, pb.Frame(exchange=id, credit=2**31 - FIRST_WINDOW - 1)) == []
    received = receive(pair.plugin, pb.Frame(exchange=id, credit=1))
    assert_reset(pair.plugin, id, ResetCode.FLOW_CONTROL, received)


def test_credit_is_taken_in_any_state() -> None:
    pair = CorePair(first_window=4096)
    id = opened(pair)
    assert receive(pair.plugin, pb.Frame(exchange=id, credit=1000), pb.Frame(exchange=id, end=True)) == [(id, End())]
    assert receive(pair.plugin, pb.Frame(exchange=id, credit=1000)) == []
    send(pair.plugin, id, Response(200), Body(bytes(6000)), End())
    assert pair.plugin.next_message()[1] == (id, Body(bytes(6000)))


@pytest.mark.parametrize(
    ("core", "frame"),
    [
        ("plugin", pb.Frame(exchange=1, end=True, trailers=[b"a"])),
        ("gateway", pb.Frame(exchange=1, response=pb.Response(status=200, headers=[b"a"]))),
        ("gateway", pb.Frame(exchange=1, response=pb.Response(status=1000))),
        ("gateway", pb.Frame(exchange=1, response=pb.Response(status=99))),
        ("gateway", pb.Frame(exchange=1, informational=pb.Response(status=101))),
        ("gateway", pb.Frame(exchange=1, informational=pb.Response(status=103, headers=[b"a"]))),
    ],
)
def test_a_head_that_makes_no_sense_resets_its_exchange(core: str, frame: pb.Frame) -> None:
    pair = CorePair()
    opened(pair)
    at = pair.gateway if core == "gateway" else pair.plugin
    assert_reset(at, 1, ResetCode.PROTOCOL, receive(at, frame))


@pytest.mark.parametrize(
    "request_",
    [
        pb.Request(method="GET", target=b"/", headers=[pb.Fields(items=[b"a"])]),
        pb.Request(target=b"/"),
        pb.Request(method="GET", target=b"/", root_length=2),
    ],
)
def test_a_request_that_makes_no_sense_is_reset_and_its_body_ignored(request_: pb.Request) -> None:
    plugin = CorePair().plugin
    assert receive(plugin, pb.Frame(exchange=1, request=request_, body=b"x", end=True)) == [], "nobody was told of it"
    assert resets([(id, part) for id, part in plugin.next_message() if isinstance(part, Reset)]) == [
        (1, ResetCode.PROTOCOL)
    ]
    assert receive(plugin, pb.Frame(exchange=2, request=pb.Request(method="GET", target=b"/")))


def test_an_exchange_too_many_is_refused() -> None:
    pair = CorePair(max_exchanges=1)
    opened(pair)
    frame = pb.Frame(exchange=2, request=pb.Request(method="GET", target=b"/"), body=b"x", end=True)
    assert receive(pair.plugin, frame) == []
    assert pair.plugin.next_message() == [(2, Reset(ResetCode.REFUSED, "1 exchanges are open"))]
    assert pair.plugin.is_open(1)


@pytest.mark.parametrize("part", [Body(b"x"), End(), Reset(ResetCode.CANCELLED), Credit(1), Invalid("odd")])
def test_a_frame_for_an_exchange_that_was_never_opened_ends_the_stream(part: TunnelPart) -> None:
    pair = CorePair()
    with pytest.raises(RemoteProtocolError, match="exchange 1, which was never opened"):
        pair.plugin.receive(1, part)
    with pytest.raises(RemoteProtocolError, match="exchange 1, which was never opened"):
        pair.gateway.receive(1, part)


@pytest.mark.parametrize("again", [Request("GET", b"/"), pytest.param(None, id="nonsense")])
def test_a_second_request_with_one_number_ends_the_stream(again: Request | None) -> None:
    pair = CorePair()
    opened(pair)
    frame = pb.Frame(exchange=1, request=pb.Request(method=again.method if again else ""))
    with pytest.raises(RemoteProtocolError, match="exchange 1 was opened before"):
        receive(pair.plugin, frame)


@pytest.mark.parametrize("method", ["GET", ""])
def test_a_plugin_that_opens_an_exchange_ends_the_stream(method: str) -> None:
    with pytest.raises(RemoteProtocolError, match="a plugin opened an exchange"):
        receive(CorePair().gateway, pb.Frame(exchange=1, request=pb.Request(method=method)))


@pytest.mark.parametrize(
    "frame",
    [
        pb.Frame(request=pb.Request(method="GET")),
        pb.Frame(body=b"x"),
        pb.Frame(credit=1),
        pb.Frame(reset=pb.Reset()),
        pb.Frame(response=pb.Response(status=5)),
    ],
)
def test_anything_but_a_drain_on_exchange_0_ends_the_stream(frame: pb.Frame) -> None:
    with pytest.raises(RemoteProtocolError, match="on exchange 0"):
        receive(CorePair().plugin, frame)


def test_a_frame_before_the_hello_ends_the_stream() -> None:
    with pytest.raises(RemoteProtocolError, match="before the hello"):
        Connection(Half.PLUGIN).receive(1, GET)


def test_a_second_hello_ends_the_stream() -> None:
    with pytest.raises(RemoteProtocolError, match="second hello"):
        CorePair().plugin.receive_hello(Hello(FIRST_WINDOW))


@pytest.mark.parametrize(
    "hello",
    [
        Hello(4095),
        Hello(2**31),
        Hello(FIRST_WINDOW, min_version=2, max_version=3),
        Hello(FIRST_WINDOW, min_version=0, max_version=0),
        Hello(FIRST_WINDOW, min_version=2, max_version=1),
    ],
)
def test_an_impossible_hello_ends_the_stream(hello: Hello) -> None:
    with pytest.raises(RemoteProtocolError):
        Connection(Half.PLUGIN).receive_hello(hello)


@pytest.mark.parametrize("hello", [Hello(4096), Hello(2**31 - 1), Hello(FIRST_WINDOW, min_version=1, max_version=9)])
def test_a_hello_at_the_edge_is_taken(hello: Hello) -> None:
    core = Connection(Half.PLUGIN)
    core.receive_hello(hello)
    assert core.peer == hello


# What is owed to a peer that does not read


def test_a_gateway_that_is_refused_and_does_not_read_is_not_heard_further() -> None:
    pair = CorePair(max_exchanges=1)
    opened(pair)
    pair.to_plugin()
    for id in range(2, FEWEST_OWED + 3):
        assert pair.plugin.receive(id, POST) is None
    with pytest.raises(RemoteProtocolError, match="wait for a peer that does not read them"):
        pair.plugin.receive(FEWEST_OWED + 3, POST)


def test_a_gateway_that_reads_may_be_refused_for_ever() -> None:
    pair = CorePair(max_exchanges=1)
    opened(pair)
    pair.to_plugin()
    for id in range(2, 2 * FEWEST_OWED):
        assert pair.plugin.receive(id, POST) is None
        assert pair.plugin.next_message() == [(id, Reset(ResetCode.REFUSED, "1 exchanges are open"))]


def test_a_peer_that_keeps_to_its_limits_may_read_late() -> None:
    """Every exchange it may open, the credit for all that it may send, and a reset of each."""
    count = FEWEST_OWED // 2
    pair = CorePair(max_exchanges=count)
    ids = [opened(pair) for _ in range(count)]
    for id in ids:
        send(pair.gateway, id, Body(bytes(FIRST_WINDOW // 2 - 64)), Body(bytes(FIRST_WINDOW // 2 - 64)))
    for received, event in pair.to_plugin():
        if isinstance(event, Body):
            pair.plugin.consume(received, FIRST_WINDOW // 2)
    for id in ids:
        pair.plugin.reset(id, ResetCode.CANCELLED)
    for id in ids:
        send(pair.gateway, id, End())
    pair.to_plugin()
    assert len(resets(pair.to_gateway())) == count


def test_a_message_has_no_more_parts_than_frames_are_allowed() -> None:
    """Whatever is ready: credit and resets, single bytes, and heads of many fields."""
    pair = CorePair(max_exchanges=3 * MAX_FRAMES)
    ids = [opened(pair) for _ in range(2 * MAX_FRAMES)]
    pair.to_plugin()
    head = Response(200, [(b"x", b"")] * 100)
    for id in ids[:100]:
        send(pair.plugin, id, head, *(Body(b"x") for _ in range(30)))
    for id in ids[100:]:
        pair.plugin.reset(id, ResetCode.CANCELLED)
    sent = []
    while batch := pair.plugin.next_message(2**30):
        sent.append(len(batch))
        assert sum(isinstance(part, Response) for _, part in batch) * 100 < MAX_FIELDS
        pair.wire[Half.PLUGIN].append(encode(batch))
        pair.read(Half.GATEWAY)
    assert max(sent) == MAX_FRAMES
    assert sum(sent) == 2 * MAX_FRAMES - 100 + 100 * 31
