"""The way of an async client's calls past gRPC's library, where its host offers one: docs/protocol.md §9."""

from __future__ import annotations

import math
import time

from google.protobuf.message import Message

from mattermost_plugin.calls.client import CallClient, open_stream
from mattermost_plugin.calls.errors import CallRefused

PAUSE = 1.0
"""Seconds from one attempt to connect to the next."""


class DirectCalls:
    """A connection that is made by the first call, and again when it was lost.

    Args:
        target: the host's socket, `unix:PATH`.
        largest_request: bytes that a request may have; negative for any number.
        largest_response: the same for a response.
    """

    def __init__(self, target: str, largest_request: int, largest_response: int) -> None:
        self._target = target
        self._largest_request = largest_request
        self._largest_response = largest_response
        self._client: CallClient | None = None
        self._next_attempt = -math.inf
        self._closed = False

    async def call(self, method: str, request: Message, timeout: float | None) -> bytes:
        """Make a call; returns the response message.

        Args:
            method: the rpc, as gRPC's path names it.
            request: the request.
            timeout: seconds for the answer; None for any time.

        Raises:
            CallRefused: it has to be made by gRPC; nothing of it was begun.
            CallFailed: it ended otherwise.
        """
        client = self._client
        if client is None or client.lost:
            client = await self._connect()
        body = request.SerializeToString()
        if 0 <= self._largest_request < len(body) or not client.takes(method, body):
            raise CallRefused
        return await client.call(method, body, timeout)

    async def close(self) -> None:
        """Hang up; calls that are under way are cancelled."""
        self._closed = True
        if self._client is not None:
            await self._client.close()

    async def _connect(self) -> CallClient:
        foreign = self._client is not None and self._client.unknown
        if self._closed or foreign or time.monotonic() < self._next_attempt:
            raise CallRefused
        self._next_attempt = time.monotonic() + PAUSE
        try:
            stream = await open_stream(self._target)
        except OSError:
            raise CallRefused from None
        if self._closed:  # meanwhile
            stream.drop()
            raise CallRefused
        self._client = CallClient(stream, self._largest_response)
        return self._client
