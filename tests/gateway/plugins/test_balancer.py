"""Which endpoint is chosen, whatever comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mattermost_plugin.exchange import End, Exchange, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.multiplexer import Multiplexer
from servehttp.plugins.balancer import Balancer, Endpoint
from support.carriers import Counted
from support.patience import PATIENCE
from support.tunnels import GET, Ends, memory_tunnel

pytestmark = pytest.mark.anyio


def connected(*connections: Any) -> tuple[Balancer, list[Endpoint]]:
    balancer, endpoints = Balancer(), [Endpoint() for _ in connections]
    for endpoint, connection in zip(endpoints, connections, strict=True):
        endpoint.use(connection)
        balancer.add(endpoint)
    return balancer, endpoints


class Endpoints(RuleBasedStateMachine):
    """Endpoints that come, are lost, drain and go, while exchanges begin and end."""

    def __init__(self) -> None:
        super().__init__()
        self.balancer = Balancer()
        self.endpoints: dict[Endpoint, Counted | None] = {}
        self.open: list[Counted] = []

    def pick(self, data: st.DataObject) -> Endpoint:
        return data.draw(st.sampled_from(list(self.endpoints)))

    def taking(self) -> dict[Endpoint, int]:
        return {
            endpoint: connection.in_flight
            for endpoint, connection in self.endpoints.items()
            if connection is not None and connection.takes
        }

    @precondition(lambda self: len(self.endpoints) < 5)
    @rule()
    def come(self) -> None:
        endpoint = Endpoint()
        self.endpoints[endpoint] = None
        self.balancer.add(endpoint)

    @precondition(lambda self: self.endpoints)
    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        endpoint = self.pick(data)
        self.endpoints[endpoint] = connection = Counted()
        endpoint.use(connection)  # type: ignore[arg-type]  # a link's shape

    @precondition(lambda self: self.endpoints)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        endpoint = self.pick(data)
        self.endpoints[endpoint] = None
        endpoint.use(None)

    @precondition(lambda self: self.taking())
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        connection = self.endpoints[data.draw(st.sampled_from(list(self.taking())))]
        assert connection is not None
        connection.takes = False

    @precondition(lambda self: self.endpoints)
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        endpoint = self.pick(data)
        del self.endpoints[endpoint]
        self.balancer.remove(endpoint)

    @rule()
    def begin(self) -> None:
        taking = self.taking()
        chosen = self.balancer.choose()
        if not taking:
            assert chosen is None
            return
        assert chosen in taking, "one that is down, drains or has gone is never chosen"
        assert taking[chosen] == min(taking.values()), "none has fewer open"
        connection = self.endpoints[chosen]
        assert connection is not None
        connection.begin()
        self.open.append(connection)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        connection = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        connection.in_flight -= 1

    @rule(times=st.integers(1, 4))
    def look(self, times: int) -> None:
        assert len({self.balancer.choose() for _ in range(times)}) == 1, "who only looks takes nobody's turn"

    @invariant()
    def what_is_open_stays_where_it_began(self) -> None:
        for endpoint, connection in self.endpoints.items():
            assert endpoint.load == (0 if connection is None else self.open.count(connection))

    def teardown(self) -> None:
        for connection in self.open:
            connection.in_flight -= 1
        assert all(endpoint.load == 0 for endpoint in self.endpoints)


TestEndpoints = Endpoints.TestCase


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.integers(1, 3))
def test_equals_have_turns_whichever_others_are_down(up: list[bool], rounds: int) -> None:
    connections = [Counted(takes=takes) for takes in up]
    balancer, endpoints = connected(*connections)
    takers = [endpoint for endpoint, takes in zip(endpoints, up, strict=True) if takes]
    chosen = []
    for _ in range(rounds * len(takers)):
        endpoint = balancer.choose()
        assert endpoint is not None
        connection = connections[endpoints.index(endpoint)]
        connection.begin()
        connection.in_flight -= 1  # it was a short one
        chosen.append(endpoint)
    assert chosen == takers * rounds


def test_who_is_back_is_not_flooded_with_what_it_has_missed() -> None:
    busy, back = Counted(in_flight=1, opened=1000), Counted(in_flight=1)
    balancer, endpoints = connected(busy, back)
    turns = []
    for _ in range(6):
        endpoint = balancer.choose()
        assert endpoint is not None
        turns.append(endpoints.index(endpoint))
        (busy, back)[turns[-1]].opened += 1
    assert turns == [1, 0] * 3


def test_calls_count_as_load_and_as_turns() -> None:
    balancer, (first, second) = connected(Counted(), Counted())
    assert balancer.choose() is first
    first.begin_call()
    assert (balancer.choose(), first.load) == (second, 1)
    first.end_call()
    assert (balancer.choose(), first.load) == (second, 0)


@dataclass(eq=False)
class TunnelLink:
    """What a link has of its tunnel."""

    carrier: Multiplexer


async def hold(exchange: Exchange) -> None:
    """Answers when it is told to end."""
    with suppress(ExchangeReset):
        await exchange.receive()
        await exchange.send(Response(200), End())


class Stage:
    """Three endpoints behind tunnels, and what has begun on them."""

    def __init__(self, ends: list[Ends]) -> None:
        self.ends = ends
        self.begun: list[Exchange] = []
        self.balancer, self.endpoints = connected(*(TunnelLink(end.gateway.multiplexer) for end in ends))

    def begin(self, refused: Sequence[Exchange] = ()) -> Endpoint:
        endpoint = self.balancer.choose(refused)
        assert endpoint is not None
        assert endpoint.link is not None
        assert isinstance(endpoint.link.carrier, Multiplexer)
        self.begun.append(endpoint.link.carrier.open(GET))
        return endpoint

    async def end(self) -> None:
        """Every exchange ends, and so does what answers it."""
        for exchange in self.begun:
            exchange.reset(ResetCode.CANCELLED)
        assert [endpoint.load for endpoint in self.endpoints] == [0, 0, 0]
        async with asyncio.timeout(PATIENCE):
            while any(end.plugin.tasks for end in self.ends):
                await asyncio.sleep(0)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        stage = Stage([await stack.enter_async_context(memory_tunnel(hold)) for _ in range(3)])
        yield stage
        await stage.end()


async def told(endpoint: Endpoint) -> None:
    """Waits until it is known that nothing begins there."""
    async with asyncio.timeout(PATIENCE):
        while endpoint.takes:
            await asyncio.sleep(0)


async def test_a_tunnels_exchanges_are_its_endpoints_load_until_they_have_ended() -> None:
    async with staged() as stage:
        first, second, third = stage.endpoints
        assert [stage.begin() for _ in range(6)] == [first, second, third] * 2
        for exchange in (stage.begun[1], stage.begun[4]):
            exchange.reset(ResetCode.CANCELLED)
        assert [stage.begin() for _ in range(2)] == [second] * 2


async def test_an_endpoint_that_drains_or_is_lost_gets_nothing_and_keeps_what_it_has() -> None:
    async with staged() as stage:
        draining, lost, good = stage.endpoints
        assert stage.begin() is draining
        async with asyncio.timeout(PATIENCE):
            while not stage.ends[0].plugin.tasks:
                await asyncio.sleep(0)
        stage.ends[0].plugin.drain()
        await told(draining)
        await stage.ends[1].lose()
        await told(lost)
        assert {stage.begin() for _ in range(4)} == {good}
        assert draining.load == 1
        await stage.begun[0].send(End())
        assert isinstance(await stage.begun[0].receive(), Response)
        good.use(None)
        assert stage.balancer.choose() is None


async def test_a_request_that_was_refused_goes_to_each_other_endpoint_once() -> None:
    async with staged() as stage:
        assert {stage.begin(stage.begun) for _ in range(3)} == set(stage.endpoints)
        assert stage.balancer.choose(stage.begun) is None
        assert stage.balancer.choose() is not None
