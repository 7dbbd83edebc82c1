"""Credit: what a sender may send, and when it gets more."""

from __future__ import annotations

from mattermost_plugin.exchange import Accept, Body, End, Informational, Message, Response
from mattermost_plugin.tunnel.parts import Credit
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import cost
from support.cores import opened, parts_of, send
from support.tunnels import WEBSOCKET, CorePair


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
