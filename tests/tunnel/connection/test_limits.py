"""Draining, the limit on exchanges, and what this side may not ask of its own core."""

from __future__ import annotations

import pytest

from mattermost_plugin.exchange import Body, End, Reset, ResetCode, Response
from mattermost_plugin.tunnel.connection import Connection
from mattermost_plugin.tunnel.errors import LocalProtocolError, TunnelClosed
from mattermost_plugin.tunnel.parts import Drain
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import cost
from support.cores import opened, parts_of, send
from support.tunnels import GET, POST, CorePair

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
