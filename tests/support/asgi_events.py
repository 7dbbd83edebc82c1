"""ASGI's HTTP events, and applications that send them."""

from __future__ import annotations

import asyncio
from typing import Any

from mattermost_plugin.exchange import ResetCode
from mattermost_plugin.types import ASGIApp, Event, Receive, Scope, Send
from support.exchanges import FakeExchange

START: Event = {"type": "http.response.start", "status": 200, "headers": []}


def start(status: Any = 200, headers: Any = (), **more: Any) -> Event:
    """The head of a response."""
    return {"type": "http.response.start", "status": status, "headers": headers, **more}


def body(data: Any = b"", more: bool = False) -> Event:
    """A piece of a response's body, by default the last."""
    return {"type": "http.response.body", "body": data, "more_body": more}


def sending(*events: Event) -> ASGIApp:
    """An application that sends these events and returns."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for event in events:
            await send(event)

    return app


def broken(exchange: FakeExchange) -> bool:
    """The client can see that the response is not whole."""
    return not exchange.ended and [reset.code for reset in exchange.resets] == [ResetCode.INTERNAL]


async def settled() -> None:
    """Lets every other task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)
