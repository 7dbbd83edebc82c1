"""Exchanges in order: their parts arrive, and they are forgotten."""

from __future__ import annotations

from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
    End,
    Informational,
    Message,
    Request,
    Reset,
    ResetCode,
    Response,
)
from mattermost_plugin.tunnel.parts import Credit, Invalid
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import cost
from support.cores import data_of, opened, parts_of, resets, send
from support.tunnels import GET, POST, WEBSOCKET, CorePair, Received


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
