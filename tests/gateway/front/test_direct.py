"""What the short way does that sockets cannot show: a request that a plugin refuses is offered to its successor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.client import fetch
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


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "long way"])
async def test_a_refused_request_goes_to_the_successor(tmp_path: Path, direct: bool) -> None:
    async with stage_with_refusal(tmp_path, direct, refusals=1) as stage:
        answer = await fetch(stage.port, "/plugins/p/x")
    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "long way"])
async def test_a_request_that_is_refused_again_is_a_503(tmp_path: Path, direct: bool) -> None:
    async with stage_with_refusal(tmp_path, direct, refusals=3) as stage:
        answer = await fetch(stage.port, "/plugins/p/x")
    assert (answer.status, answer.header("retry-after")) == (503, "1")


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "long way"])
async def test_a_request_whose_body_was_begun_is_not_offered_again(tmp_path: Path, direct: bool) -> None:
    async with stage_with_refusal(tmp_path, direct, refusals=1) as stage:
        answer = await fetch(stage.port, "/plugins/p/x", "POST", body=b"once")
    assert answer.status == 502
