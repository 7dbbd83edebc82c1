from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from servehttp.settings.plugins import PluginSettings
from servehttp.settings.server import ServerSettings
from servehttp.workers.channel import BACKLOG_LIMIT, LINE_LIMIT, Channel
from servehttp.workers.messages import (
    Gone,
    Hello,
    Introduced,
    Message,
    MessageError,
    Report,
    Serving,
    Settled,
    Setup,
    decode,
    encode,
)
from servehttp.workspace.settings import Settings
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

REPORT = Report(3, "unix:/tmp/s", {"id": "com.example.ü", "state": "running", "reason": None, "uptime": 0.5})


@asynccontextmanager
async def one_end() -> AsyncIterator[tuple[Channel, socket.socket]]:
    """A channel, and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    channel = await Channel.over(ours)
    try:
        async with asyncio.timeout(PATIENCE):
            yield channel, theirs
    finally:
        theirs.close()
        await channel.close()


@asynccontextmanager
async def both_ends() -> AsyncIterator[tuple[Channel, Channel]]:
    ours, theirs = socket.socketpair()
    first, second = await Channel.over(ours), await Channel.over(theirs)
    try:
        async with asyncio.timeout(PATIENCE):
            yield first, second
    finally:
        await first.close()
        await second.close()


@pytest.mark.parametrize(
    "message",
    [
        Setup({"a": 1}, 2),
        Hello(),
        REPORT,
        Introduced(),
        Settled("com.a[2]", 7),
        Gone("com.a", 2),
        Gone("com.b", None),
        Serving(),
    ],
)
async def test_every_message_arrives_as_it_was_sent_either_way(message: Message) -> None:
    async with both_ends() as (first, second):
        first.send(message)
        assert await second.receive() == message
        second.send(message)
        assert await first.receive() == message


async def test_what_was_sent_arrives_before_the_end() -> None:
    async with both_ends() as (first, second):
        first.send(REPORT)
        first.send(Hello())
        await first.close()
        assert [await second.receive() for _ in range(3)] == [REPORT, Hello(), None]


async def test_sending_to_an_end_that_is_gone_does_nothing() -> None:
    async with both_ends() as (first, second):
        await second.close()
        assert await first.receive() is None
        first.send(REPORT)
        await first.close()
        first.send(REPORT)


@pytest.mark.parametrize(
    "line", [b"hello\n", b"7\n", b"{}\n", b'{"kind": "Nothing"}\n', b'{"kind": "Settled", "replica": "a"}\n', b"\xff\n"]
)
async def test_what_is_no_message_is_told(line: bytes) -> None:
    async with one_end() as (channel, other):
        await asyncio.get_running_loop().sock_sendall(other, line)
        with pytest.raises(MessageError, match="not a message"):
            await channel.receive()


async def test_a_line_without_end_is_not_kept() -> None:
    async with one_end() as (channel, other):
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(other, b"x" * 3 * LINE_LIMIT))
        with pytest.raises(MessageError, match=f"more than {LINE_LIMIT} bytes"):
            await channel.receive()
        sending.cancel()


async def test_an_end_that_breaks_off_in_a_line_has_ended() -> None:
    async with one_end() as (channel, other):
        await asyncio.get_running_loop().sock_sendall(other, encode(REPORT)[:-5])
        other.close()
        assert await channel.receive() is None


async def test_an_end_that_does_not_read_is_given_up() -> None:
    async with one_end() as (channel, _):
        large = Report(1, None, {"reason": "x" * (LINE_LIMIT // 2)})
        for _ in range(2 * BACKLOG_LIMIT // LINE_LIMIT + 2):
            channel.send(large)
        assert await channel.receive() is None


def test_settings_pass_through_a_setup_unchanged() -> None:
    settings = Settings(
        server=ServerSettings(workers=2, forwarded_allow_ips=("10.0.0.0/8",), port=0),
        plugins=PluginSettings(attach={"com.a": ("unix:/s", "tls:h:1")}, env_allow=("A_*",)),
    )
    setup = decode(encode(Setup(settings.model_dump(mode="json"), 0)))
    assert isinstance(setup, Setup)
    assert Settings(**setup.settings) == settings
