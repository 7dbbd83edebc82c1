"""What gateways tell each other, by each kind of bus: everything, in order, once, whatever becomes of connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from servehttp.workspace.bus.bus import Bus, Message
from servehttp.workspace.bus.memory import MemoryHub
from servehttp.workspace.bus.postgresql import BusTimes, PostgreSQLBus
from support.databases import connect_to
from support.patience import PATIENCE
from support.proxy import Proxy, proxied
from support.supervision import until
from support.workspaces import DATABASES, SERVER, empty_database

pytestmark = pytest.mark.anyio

QUICK = BusTimes(timeout=1, check=0.2, kept=600)
needs_server = pytest.mark.skipif(not SERVER, reason="needs a PostgreSQL server")


class Node:
    """A gateway, as far as its bus goes."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard: list[str] = []
        self.lost = 0

    async def open(self) -> None:
        await self.bus.open(lambda message: self.heard.append(f"{message.kind} {message.body}"), self._lose)

    def say(self, body: object) -> None:
        self.bus.publish(Message("test", str(body)))

    def _lose(self) -> None:
        self.lost += 1


@asynccontextmanager
async def opened(*buses: Bus) -> AsyncIterator[list[Node]]:
    nodes = [Node(bus) for bus in buses]
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        for node in nodes:
            await node.open()
            stack.push_async_callback(node.bus.close)
        yield nodes


@pytest.fixture(params=["memory", *DATABASES[1:]])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], Bus]]:
    """Makes ends of one bus."""
    if request.param == "memory":
        yield MemoryHub().bus
        return
    async with empty_database("postgresql") as url:
        yield partial(PostgreSQLBus, url, QUICK)


async def test_what_one_says_all_others_hear_in_order_and_it_does_not(make: Callable[[], Bus]) -> None:
    async with opened(make(), make(), make()) as (one, two, three):
        for number in range(1200):  # more than one batch
            one.say(number)
        await until(lambda: len(two.heard) == len(three.heard) == 1200)
        assert two.heard == three.heard == [f"test {number}" for number in range(1200)]
        assert one.heard == []


async def test_two_that_speak_at_once_are_heard_by_each_other(make: Callable[[], Bus]) -> None:
    async with opened(make(), make()) as (one, two):
        for number in range(50):
            one.say(f"one {number}")
            two.say(f"two {number}")
            await asyncio.sleep(0)
        await until(lambda: len(one.heard) == len(two.heard) == 50)
        assert one.heard == [f"test two {number}" for number in range(50)]
        assert two.heard == [f"test one {number}" for number in range(50)]


async def test_who_comes_later_hears_nothing_of_before(make: Callable[[], Bus]) -> None:
    async with opened(make(), make()) as (one, two):
        one.say("before")
        await until(lambda: len(two.heard) == 1)
        async with opened(make()) as (late,):
            one.say("after")
            await until(lambda: len(late.heard) == 1)
            assert late.heard == ["test after"]


async def test_what_is_large_is_heard_whole_and_what_was_said_before_the_end_as_well(
    make: Callable[[], Bus],
) -> None:
    async with opened(make()) as (two,):
        async with opened(make()) as (one,):
            one.say("x" * 100_000)
        await until(lambda: two.heard == ["test " + "x" * 100_000])


@asynccontextmanager
async def behind_proxies(count: int, times: BusTimes = QUICK) -> AsyncIterator[tuple[list[Proxy], list[Node]]]:
    """Ends whose connections can be cut."""
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        url = make_url(await stack.enter_async_context(empty_database("postgresql")))
        proxies = [await stack.enter_async_context(proxied(partial(connect_to, SERVER))) for _ in range(count)]
        urls = [
            url.difference_update_query(["host"]).set(host="127.0.0.1", port=proxy.port).render_as_string(False)
            for proxy in proxies
        ]
        nodes = await stack.enter_async_context(opened(*(PostgreSQLBus(each, times) for each in urls)))
        yield proxies, nodes
        for proxy in proxies:
            proxy.thaw()


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 1)),
        st.tuples(st.sampled_from(("cut", "freeze", "thaw")), st.integers(0, 1)),
        st.tuples(st.just("pause"), st.integers(0, 3)),
    ),
    max_size=25,
)


@needs_server
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(actions=ACTIONS)
async def test_lost_connections_to_a_server_lose_no_message_and_repeat_none(actions: list[tuple[str, int]]) -> None:
    async with behind_proxies(2) as (proxies, nodes):
        said: list[list[str]] = [[], []]
        for action, which in actions:
            if action == "say":
                said[which].append(f"test {len(said[which])}")
                nodes[which].say(len(said[which]) - 1)
            elif action == "pause":
                await asyncio.sleep(which / 100)
            else:
                getattr(proxies[which], action)()
        for proxy in proxies:
            proxy.thaw()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE / 2):
                await until(lambda: [nodes[1].heard, nodes[0].heard] == said)
        assert [nodes[1].heard, nodes[0].heard] == said
        assert [node.lost for node in nodes] == [0, 0]


@needs_server
async def test_who_was_away_for_longer_than_messages_are_kept_is_told_that_some_are_lost_by_a_server() -> None:
    async with behind_proxies(2, BusTimes(timeout=0.3, check=0.1, kept=0.6)) as (proxies, (one, two)):
        proxies[1].freeze()
        one.say("gone by then")
        await asyncio.sleep(1.2)
        proxies[1].thaw()
        await until(lambda: two.lost > 0)
        one.say("heard")
        await until(lambda: "test heard" in two.heard)


@needs_server
async def test_of_too_many_that_wait_the_newest_are_told_and_that_others_are_lost_by_a_server() -> None:
    async with behind_proxies(2, BusTimes(timeout=0.5, check=0.1, waiting=10)) as (proxies, (one, two)):
        proxies[0].freeze()
        proxies[0].cut()
        for number in range(30):
            one.say(number)
        proxies[0].thaw()
        await until(lambda: two.heard[-1:] == ["test 29"])
        assert two.lost == 1
        assert len(two.heard) <= 30


@needs_server
async def test_rows_are_deleted_when_they_are_old_by_a_server() -> None:
    async with empty_database("postgresql") as url:
        times = BusTimes(timeout=1, check=0.05, kept=0.1)
        async with opened(PostgreSQLBus(url, times), PostgreSQLBus(url, times)) as (one, two):
            one.say("x")
            await until(lambda: len(two.heard) == 1)
            engine = create_async_engine(make_url(url))
            async with asyncio.timeout(PATIENCE), engine.connect() as connection:
                while (await connection.execute(text("SELECT count(*) FROM gateway_bus"))).scalar_one():
                    await asyncio.sleep(0.02)
            await engine.dispose()
