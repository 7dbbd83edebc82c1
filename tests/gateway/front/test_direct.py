"""What the fast path does that sockets cannot show: a request that a plugin refuses is offered to its successor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.client import connect, fetch
from support.fronts import Handle, Stage, front, refusing_plugin
from support.loops import one_module_loop  # noqa: F401  # pytest uses it

pytestmark = pytest.mark.anyio


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def stage_with_refusal(folder: Path, direct: bool, refusals: int) -> AsyncIterator[Stage]:
    """A front whose plugin refuses; after so many refusals its successor has taken its place."""
    async with front(hello, folder, direct=direct) as stage:
        good = stage.handle.link
        async with refusing_plugin(folder / "refusing.sock") as (link, refused):
            stage.plugins.handles["p"] = Handle(link)

            async def succeed() -> None:
                for _ in range(refusals):
                    await refused.get()
                stage.plugins.handles["p"] = Handle(good)

            succession = asyncio.create_task(succeed())
            try:
                yield stage
            finally:
                succession.cancel()
                await asyncio.gather(succession, return_exceptions=True)


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "ASGI path"])
async def test_a_refused_request_goes_to_the_successor(tmp_path: Path, direct: bool) -> None:
    async with stage_with_refusal(tmp_path, direct, refusals=1) as stage:
        answer = await fetch(stage.port, "/plugins/p/x")
    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "ASGI path"])
async def test_a_request_that_is_refused_again_is_a_503(tmp_path: Path, direct: bool) -> None:
    async with stage_with_refusal(tmp_path, direct, refusals=3) as stage:
        answer = await fetch(stage.port, "/plugins/p/x")
    assert (answer.status, answer.header("retry-after")) == (503, "1")


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "ASGI path"])
async def test_a_request_whose_body_was_begun_is_not_offered_again(tmp_path: Path, direct: bool) -> None:
    async with stage_with_refusal(tmp_path, direct, refusals=1) as stage:
        answer = await fetch(stage.port, "/plugins/p/x", "POST", body=b"once")
    assert answer.status == 502


async def test_what_follows_a_request_does_not_reach_its_plugin(tmp_path: Path) -> None:
    release, events = asyncio.Event(), []

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        events.append((await receive())["type"])
        await release.wait()
        await hello(scope, receive, send)

    async with front(wait, tmp_path, direct=True) as stage, connect(stage.port) as client:
        await client.write(b"GET /plugins/p/x HTTP/1.1\r\nHost: a\r\n\r\ngarbage\r\n\r\n")
        asyncio.get_running_loop().call_later(0.1, release.set)
        received = await client.reader.read()
    first, second = received.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert b"hello" in first
    assert second.startswith(b"400 ")
    assert events == ["http.request"]
