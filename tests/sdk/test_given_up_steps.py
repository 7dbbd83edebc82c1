"""Applications that stop waiting for what they send or receive, in calls of ServeHTTP."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.types import ASGIApp, Receive, Scope, Send
from support.plugin_host import Answer, Host, serving

pytestmark = pytest.mark.anyio

LARGE = bytes(range(256)) * 8192
"""Several messages."""


def plugin_of(application: ASGIApp) -> Plugin:
    """A plugin that is this application, and has no lifespan."""

    async def of_requests(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await application(scope, receive, send)

    class Whole(Plugin):
        app = of_requests

    return Whole()


async def give_up_sending(send: Send) -> None:
    """Raises `TimeoutError` while the piece is on its way."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    async with asyncio.timeout(0):
        await send({"type": "http.response.body", "body": LARGE, "more_body": True})


async def test_a_piece_whose_sending_was_given_up_arrives_before_the_next() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            await give_up_sending(send)
        await send({"type": "http.response.body", "body": b"the end"})

    assert await body_of(app) == LARGE + b"the end"


async def test_a_last_piece_whose_sending_was_given_up_completes_the_response() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await send({"type": "http.response.body", "body": LARGE})

    assert await body_of(app) == LARGE


async def test_a_piece_is_received_though_an_earlier_wait_for_it_was_given_up() -> None:
    gave_up = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await receive()
        gave_up.set()
        event = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": event["body"]})

    async with serving(plugin_of(app)) as (_, host):
        call = await host.begin("POST")
        await gave_up.wait()
        await call.send(b"here it is")
        assert (await call.answer()).body == b"here it is"


async def body_of(app: ASGIApp) -> bytes:
    """The body that a host gets of an application."""
    async with serving(plugin_of(app)) as (_, host):
        return (await _answer(host)).body


async def _answer(host: Host) -> Answer:
    return await (await host.begin(complete=True)).answer()
