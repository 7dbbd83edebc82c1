"""Exchanges that end before their time: early answers, and resets by either side."""

from __future__ import annotations

import pytest

from mattermost_plugin.exchange import Body, End, Reset, ResetCode, Response
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import cost
from support.cores import data_of, opened, parts_of, resets, send
from support.tunnels import GET, POST, CorePair, Received


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
