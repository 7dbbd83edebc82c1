"""A WebSocket to the plugin."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.datastructures import Headers

from mattermost_plugin.exchange import Accept, Close, Message
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.testing.errors import WebSocketClosed
from mattermost_plugin.testing.serving import Call

CUT_OFF = Close(1006)
NORMAL = 1000


class WebSocket:
    """An open WebSocket. Iteration gives messages until it is closed.

    Args:
        call: what carries it.
        accept: how the plugin opened it.

    Attributes:
        headers: those of the acceptance.
        subprotocol: what the plugin chose, or "".
    """

    def __init__(self, call: Call, accept: Accept) -> None:
        self.headers = Headers(raw=list(accept.headers))
        self.subprotocol = accept.subprotocol
        self._call = call
        self._closed: Close | None = None

    async def send(self, message: str | bytes) -> None:
        """Send a message, as text or as bytes.

        Raises:
            WebSocketClosed: the plugin has cut it off.
        """
        is_text = isinstance(message, str)
        data = message.encode() if isinstance(message, str) else message
        try:
            await self._call.send(Message(data, text=is_text))
        except ExchangeReset:
            raise WebSocketClosed(CUT_OFF.code, "") from None

    async def send_json(self, value: Any) -> None:
        """Send a value's JSON as text."""
        await self.send(json.dumps(value))

    async def receive(self) -> str | bytes:
        """The plugin's next message.

        Raises:
            WebSocketClosed: it has closed the WebSocket.
        """
        message = await self._next()
        if isinstance(message, Close):
            raise WebSocketClosed(message.code, message.reason)
        return message.data.decode() if message.text else message.data

    async def receive_json(self) -> Any:
        """The value whose JSON the next message is."""
        return json.loads(await self.receive())

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The messages."""
        while isinstance(message := await self._next(), Message):
            yield message.data.decode() if message.text else message.data

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close it in order, and wait until the plugin has agreed; messages that are on their way are dropped."""
        if self._closed is None:
            try:
                await self._call.send(Close(code, reason))
            except ExchangeReset:
                self._closed = CUT_OFF
        while isinstance(await self._next(), Message):
            pass

    def disconnect(self) -> None:
        """Go away without a word; the plugin is told 1006."""
        self._call.leave()

    async def _next(self) -> Message | Close:
        if self._closed is not None:
            return self._closed
        try:
            part = await self._call.receive()
        except ExchangeReset:
            part = CUT_OFF
        if isinstance(part, Close):
            self._closed = part
            return part
        assert isinstance(part, Message), f"a plugin sends no {type(part).__name__} here"
        return part
