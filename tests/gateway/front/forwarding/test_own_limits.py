"""A plugin that has limits for itself is held to these, whatever those of the others are."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.client import Broken, connect, fetch
from support.front_apps import Play, app, describe, echo

pytestmark = pytest.mark.anyio


async def test_a_body_of_its_own_size(play: Play) -> None:
    async with play(app(describe), own={"max_body_size": 4}, max_body_size=1) as stage:
        assert (await fetch(stage.port, "/plugins/p/", method="POST", body=b"1234")).status == 200
        assert (await fetch(stage.port, "/plugins/p/", method="POST", body=b"12345")).status == 413
        async with connect(stage.port) as client:
            await client.start("POST", "/plugins/p/", headers=[("Transfer-Encoding", "chunked")])
            await client.send(b"12345")
            assert (await client.head()).status == 413


async def test_exchanges_of_its_own_number(play: Play) -> None:
    async with play(app(echo), own_max_exchanges=1) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", headers=[("Transfer-Encoding", "chunked")])
        await client.send(b"1")
        await client.head()
        answer = await fetch(stage.port, "/plugins/p/")
        assert (answer.status, answer.header("retry-after")) == (503, "1")


async def test_times_of_its_own(play: Play) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/begun"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await asyncio.Event().wait()

    own = {"first_byte_timeout": 0.2, "idle_timeout": 0.2}
    async with play(slow, own=own, first_byte_timeout=1000, idle_timeout=1000) as stage:
        assert (await fetch(stage.port, "/plugins/p/")).status == 504
        with pytest.raises(Broken):
            await fetch(stage.port, "/plugins/p/begun")
