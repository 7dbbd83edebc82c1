"""A plugin that runs several times behind the front: what one refuses another one answers, by either path."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect as connect_websocket

from mattermost_plugin.types import Receive, Scope, Send
from servehttp.plugins.link import Link, TransportName
from servehttp.plugins.replicas import ReplicatedPlugin
from servehttp.plugins.states import PluginState
from support.client import connect, fetch
from support.fronts import front, plugin_server, refusing_plugin
from support.handles import IdlePlugin
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

WAYS = pytest.mark.parametrize("direct", [True, False], ids=["direct", "ASGI path"])


@dataclass
class Named:
    """An application that answers with its name."""

    name: str
    hold: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": self.name})
            await receive()
            return
        if self.hold is not None:
            await self.hold.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.name.encode()})


def running(links: list[Link]) -> ReplicatedPlugin:
    parts = [IdlePlugin("p", PluginState.RUNNING, number=number) for number, _ in enumerate(links, 1)]
    for part, link in zip(parts, links, strict=True):
        part.link = link
    return ReplicatedPlugin("p", parts)


@dataclass
class Stage:
    port: int
    plugin: ReplicatedPlugin
    links: list[Link]

    async def ask(self) -> str:
        answer = await fetch(self.port, "/plugins/p/")
        return answer.body.decode() if answer.status == 200 else str(answer.status)


@asynccontextmanager
async def staged(
    folder: Path, *apps: Named, direct: bool = True, transport: TransportName = "tunnel", max_exchanges: int = 100
) -> AsyncIterator[Stage]:
    """A front whose plugin `p` is these applications."""
    async with AsyncExitStack() as stack:
        links = []
        for app in apps:
            path = folder / f"{app.name}.sock"
            await stack.enter_async_context(plugin_server(app, path))
            links.append(await Link.connect(f"unix:{path}", transport=transport, timeout=PATIENCE))
            stack.push_async_callback(links[-1].close)
        served = await stack.enter_async_context(front(apps[0], folder, direct=direct, max_exchanges=max_exchanges))
        plugin = running(links)
        served.plugins.handles["p"] = plugin  # type: ignore[assignment]  # a plugin as the registry has it
        yield Stage(served.port, plugin, links)


@WAYS
@pytest.mark.parametrize("transport", ["tunnel", "servehttp"])
async def test_they_have_turns(tmp_path: Path, direct: bool, transport: TransportName) -> None:
    async with staged(tmp_path, Named("a"), Named("b"), direct=direct, transport=transport) as stage:
        assert [await stage.ask() for _ in range(6)] == ["a", "b"] * 3


async def test_one_with_something_open_is_passed_over(tmp_path: Path) -> None:
    hold = asyncio.Event()
    async with staged(tmp_path, Named("slow", hold), Named("b")) as stage:
        waiting = asyncio.create_task(stage.ask())
        async with asyncio.timeout(PATIENCE):
            while stage.links[0].in_flight == 0:
                await asyncio.sleep(0.001)
        assert [await stage.ask() for _ in range(4)] == ["b"] * 4
        hold.set()
        assert await waiting == "slow"
        assert [link.in_flight for link in stage.links] == [0, 0]


async def test_it_is_busy_when_each_is(tmp_path: Path) -> None:
    hold = asyncio.Event()
    async with staged(tmp_path, Named("a", hold), Named("b", hold), max_exchanges=2) as stage:
        waiting = [asyncio.create_task(stage.ask()) for _ in range(4)]
        async with asyncio.timeout(PATIENCE):
            while [link.in_flight for link in stage.links] != [2, 2]:
                await asyncio.sleep(0.001)
        assert await stage.ask() == "503"
        hold.set()
        assert Counter(await asyncio.gather(*waiting)) == {"a": 2, "b": 2}


@WAYS
async def test_what_one_refuses_the_other_answers(tmp_path: Path, direct: bool) -> None:
    async with (
        staged(tmp_path, Named("good"), direct=direct) as stage,
        refusing_plugin(tmp_path / "r.sock") as (
            refusing,
            refused,
        ),
    ):
        put_in_place(stage, running([refusing, stage.links[0]]))
        with capture_logs() as logs:
            assert [await stage.ask() for _ in range(4)] == ["good"] * 4
            async with asyncio.timeout(PATIENCE):
                while len(lines := [log for log in logs if "status" in log]) < 4:
                    await asyncio.sleep(0.001)
        assert refused.qsize() == 4, "each was there first, for the other had the turn before, and was there once"
        assert [(line["status"], "problem" in line) for line in lines] == [(200, False)] * 4


@WAYS
async def test_a_websocket_that_one_refuses_the_other_accepts(tmp_path: Path, direct: bool) -> None:
    async with (
        staged(tmp_path, Named("good"), direct=direct) as stage,
        refusing_plugin(tmp_path / "r.sock") as (
            refusing,
            refused,
        ),
    ):
        put_in_place(stage, running([refusing, stage.links[0]]))
        async with connect_websocket(f"ws://127.0.0.1:{stage.port}/plugins/p/") as websocket:
            assert await websocket.recv() == "good"
        assert refused.qsize() == 1


@WAYS
async def test_what_all_refuse_is_a_503_and_was_offered_to_each_once(tmp_path: Path, direct: bool) -> None:
    async with staged(tmp_path, Named("unused"), direct=direct) as stage, AsyncExitStack() as stack:
        refusers = [
            await stack.enter_async_context(refusing_plugin(tmp_path / f"{number}.sock")) for number in range(3)
        ]
        put_in_place(stage, running([link for link, _ in refusers]))
        async with connect(stage.port) as client:
            answer = await client.request("GET", "/plugins/p/")
        assert (answer.status, answer.header("retry-after")) == (503, "1")
        assert [refused.qsize() for _, refused in refusers] == [1, 1, 1]


@WAYS
async def test_a_request_with_a_body_that_has_begun_is_offered_once(tmp_path: Path, direct: bool) -> None:
    async with (
        staged(tmp_path, Named("good"), direct=direct) as stage,
        refusing_plugin(tmp_path / "r.sock") as (
            refusing,
            refused,
        ),
    ):
        put_in_place(stage, running([refusing, stage.links[0]]))
        answer = await fetch(stage.port, "/plugins/p/", "POST", body=b"once")
        assert (answer.status, refused.qsize()) == (502, 1)


def put_in_place(stage: Stage, plugin: ReplicatedPlugin) -> None:
    """Have other replicas in the plugin."""
    for replica in stage.plugin.replicas:
        stage.plugin.remove(replica)
    for replica in plugin.replicas:
        stage.plugin.add(replica)
