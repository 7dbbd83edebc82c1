"""The peer's violations: docs/protocol.md §7, row by row."""

from __future__ import annotations

import pytest

from mattermost_plugin.exchange import Body, End, Request, Reset, ResetCode, Response
from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.tunnel.connection import Connection
from mattermost_plugin.tunnel.decoding import decode
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.parts import Credit, Hello, Invalid, TunnelPart
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import FIRST_WINDOW
from support.cores import opened, parts_of, resets, send
from support.tunnels import GET, CorePair, Received


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
