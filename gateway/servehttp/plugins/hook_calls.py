"""Unary gRPC calls to one plugin: of its hooks, and of its health."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from mattermost_plugin.http2 import unary
from mattermost_plugin.http2.channel import ClientChannel
from mattermost_plugin.http2.connecting import CannotConnect
from mattermost_plugin.statuses import CallFailed, Status
from servehttp.errors import LinkError

M = TypeVar("M", bound=Message)

Connect = Callable[[], Awaitable[ClientChannel]]


class HookCalls:
    """Calls over one connection. Where the plugin ends that in order, for its age, the next call makes another one.

    Args:
        connect: makes a connection.
        channel: the first one.
    """

    def __init__(self, connect: Connect, channel: ClientChannel) -> None:
        self._connect = connect
        self._channel = channel
        self._channels = {channel}
        self._connecting = asyncio.Lock()
        self._closed = False

    async def call(self, path: str, request: Message, response: type[M], timeout: float) -> M:
        """Make a call; returns the response.

        Args:
            path: what is called, `/package.Service/Method`.
            request: the message for it.
            response: the kind of message that answers it.
            timeout: seconds for the answer.

        Raises:
            CallFailed: it ended otherwise.
        """
        async with self._connecting:
            channel = await self._current()
        return parse(response, await unary.call(channel, path, request.SerializeToString(), timeout))

    async def close(self) -> None:
        """Hang up; calls that are open fail."""
        self._closed = True
        await asyncio.gather(*[channel.close() for channel in self._channels])

    async def _current(self) -> ClientChannel:
        draining = self._channel.draining
        if draining.done() and draining.result() and not self._closed:
            self._channel.hang_up_when_idle()
            self._channel.closed.add_done_callback(partial(self._forget, self._channel))
            try:
                self._channel = await self._connect()
            except (CannotConnect, LinkError) as error:
                raise CallFailed(Status.UNAVAILABLE, str(error)) from None
            self._channels.add(self._channel)
        return self._channel

    def _forget(self, channel: ClientChannel, closed: asyncio.Future[str]) -> None:
        self._channels.discard(channel)


def parse(kind: type[M], data: bytes) -> M:
    """The message that was sent as an answer.

    Raises:
        CallFailed: it is none of this kind.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise CallFailed(Status.INTERNAL, f"the answer is no {kind.DESCRIPTOR.full_name}: {error}") from None
