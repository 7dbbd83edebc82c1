"""A call between two ends of our own: what is sent waits, is kept and is handed over."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from mattermost_plugin.http2.endpoint import MAX_UNREAD
from mattermost_plugin.http2.frames import END_STREAM, PING, PREFACE, SETTINGS
from mattermost_plugin.http2.statuses import UNIMPLEMENTED
from mattermost_plugin.tunnel.direct import EARLY_MESSAGES, JOINED, WORK_IN_TURN, DirectMessageStream, connect
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from support.direct_calls import KIB, MIB, Heard, echo, ended, listening, raw, read_to_end
from support.http2 import (
    PATH,
    REQUEST,
    answered_client,
    called_server,
    data,
    frame,
    frames,
    headers,
    prefixed,
    settings,
    window_update,
)
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


async def test_nothing_else_is_served(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path):
        error = await ended(await connect(path, "/another"))
        assert (error.status, str(error)) == (UNIMPLEMENTED, "/another is not served here")


async def test_a_path_of_any_length_is_refused_in_few_words(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path):
        assert (await ended(await connect(path, "/" + "x" * 20_000))).status == UNIMPLEMENTED


async def test_nobody_listens_where_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await connect(tmp_path / "direct", PATH)


async def test_to_send_says_when_to_wait_and_when_to_go_on(tmp_path: Path) -> None:
    states: asyncio.Queue[str] = asyncio.Queue()

    async def handle(stream: DirectMessageStream) -> None:
        heard = Heard()
        running = asyncio.create_task(stream.run(heard))
        await asyncio.sleep(0)
        assert heard.resumed.is_set(), "it can be written from the beginning"
        heard.resumed.clear()
        while stream.send(bytes(100 * KIB)):
            pass
        states.put_nowait("full")
        await heard.resumed.wait()
        states.put_nowait("resumed")
        await running

    window = settings(window=2**31 - 1) + window_update(2**30, 0)
    async with listening(handle, tmp_path) as (_, path), raw(path, PREFACE + window + headers(REQUEST)) as (reader, _w):
        async with asyncio.timeout(PATIENCE):
            assert await states.get() == "full"
            assert states.empty()
            while states.empty():
                await reader.read(2**16)


@pytest.mark.parametrize("size", [JOINED // 2, JOINED, 64 * KIB, MIB])
async def test_what_is_sent_to_a_peer_that_does_not_read_is_bounded_by_one_message(size: int) -> None:
    ours, theirs = socket.socketpair()
    call = called_server(settings(window=2**31 - 1) + window_update(2**30, 0))
    with theirs:
        theirs.settimeout(PATIENCE)
        _, stream = await asyncio.get_running_loop().create_connection(lambda: DirectMessageStream(call), sock=ours)
        transport = stream._transport
        assert transport is not None
        while stream.send(bytes(size)):
            assert transport.get_write_buffer_size() == 0, "what it takes has left"
        assert 0 < transport.get_write_buffer_size() <= size + 100
        stream.drop()
        await stream.closed


class Turns:
    """Counts the event loop's turns, and in which one each message came; each is as much work as one turn takes."""

    def __init__(self) -> None:
        self.now = 0
        self.of_messages: list[int] = []

    def receive(self, data: bytes, start: int, end: int) -> int:
        self.of_messages.append(self.now)
        return WORK_IN_TURN

    def resume(self) -> None:
        pass

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.now += 1


@pytest.mark.parametrize("gone", [False, True])
async def test_messages_that_are_much_work_leave_turns_to_others(gone: bool) -> None:
    ours, theirs = socket.socketpair()
    turns = Turns()
    with theirs:
        call = called_server()
        _, stream = await asyncio.get_running_loop().create_connection(lambda: DirectMessageStream(call), sock=ours)
        counting = asyncio.create_task(turns.count())
        running = asyncio.create_task(stream.run(turns))
        await asyncio.sleep(0)
        theirs.sendall(b"".join(data(prefixed(b"%d" % number)) for number in range(10)) + data(b"", END_STREAM))
        if gone:
            theirs.close()
        async with asyncio.timeout(PATIENCE):
            await running
        counting.cancel()
        stream.drop()
        await stream.closed
    assert len(set(turns.of_messages)) == len(turns.of_messages) == 10


async def pinged(stream: DirectMessageStream, peer: socket.socket, asked: bytes) -> int:
    """How much a peer could say until it was not heard any more, or a megabyte."""
    loop, sent = asyncio.get_running_loop(), 0
    while not stream.over.done() and sent < MIB:
        sent += len(asked)
        with contextlib.suppress(OSError):
            await loop.sock_sendall(peer, asked)
        for _ in range(5):
            await asyncio.sleep(0)
    return sent


ASKED = {
    "pings": frame(PING, b"12345678"),
    "settings": frame(SETTINGS),
    "streams": headers(REQUEST, stream=3),
    "data on a refused stream": data(b"x", stream=3),
}


@pytest.mark.parametrize(
    ("asked", "at_client"),
    [(asked, at_client) for asked in ASKED for at_client in (False, True) if not (at_client and asked == "streams")],
)
async def test_a_peer_that_asks_and_does_not_read_is_not_heard_further(asked: str, at_client: bool) -> None:
    ours, theirs = socket.socketpair()
    call = answered_client() if at_client else called_server()
    with theirs:
        theirs.setblocking(False)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        _, stream = await asyncio.get_running_loop().create_connection(lambda: DirectMessageStream(call), sock=ours)
        transport = stream._transport
        assert transport is not None
        async with asyncio.timeout(PATIENCE):
            assert await pinged(stream, theirs, ASKED[asked] * 100) < MIB
        with pytest.raises(RemoteProtocolError, match="does not read"):
            await stream.run(Heard())
        assert transport.get_write_buffer_size() < 2 * MAX_UNREAD
        stream.drop()
        await stream.closed


async def test_what_waits_for_a_window_is_sent_with_the_status_behind_it(tmp_path: Path) -> None:
    async def handle(stream: DirectMessageStream) -> None:
        assert not stream.send(b"0123456789")
        await stream.finish(5, "as promised", 5)

    opening = PREFACE + settings(window=10) + headers(REQUEST)
    async with listening(handle, tmp_path) as (_, path), raw(path, opening) as (reader, writer):
        read = b""
        while prefixed(b"0123456789")[:10] not in read:
            read += await reader.read(2**16)
        writer.write(window_update(100, 1))
        while b"as promised" not in read:
            read += await reader.read(2**16)
    rest, _goaway, trailers = frames(read)[-3:]
    assert rest.payload == prefixed(b"0123456789")[10:]
    assert trailers.fields == {"grpc-status": "5", "grpc-message": "as promised"}


async def test_a_peer_that_gives_no_window_is_not_waited_for_long(tmp_path: Path) -> None:
    async def handle(stream: DirectMessageStream) -> None:
        stream.send(b"0123456789")
        await stream.finish(5, "", 0.05)

    opening = PREFACE + settings(window=10) + headers(REQUEST)
    async with listening(handle, tmp_path) as (_, path), raw(path, opening) as (reader, _writer):
        assert b"grpc-status" not in await read_to_end(reader)


async def test_messages_before_anybody_listens_are_kept_but_not_many(tmp_path: Path) -> None:
    counts = [EARLY_MESSAGES, EARLY_MESSAGES + 1]

    async def handle(stream: DirectMessageStream) -> None:
        for number in range(counts.pop(0)):
            stream.send(b"%d" % number)
        await stream.run(Heard())

    async with listening(handle, tmp_path) as (_, path):
        stream, heard = await connect(path, PATH), Heard()
        await asyncio.sleep(0.05)  # nothing tells that they have come
        running = asyncio.create_task(stream.run(heard))
        async with asyncio.timeout(PATIENCE):
            assert [await heard.messages.get() for _ in range(EARLY_MESSAGES)] == [
                b"%d" % number for number in range(EARLY_MESSAGES)
            ]
        stream.done_writing()
        await running
        await stream.close(1)

        stream = await connect(path, PATH)
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((stream.over,))
            with pytest.raises(RemoteProtocolError, match="before the hello was answered"):
                await stream.run(Heard())
        await stream.close(1)


async def test_nothing_is_handed_over_once_run_has_ended(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path):
        stream, heard = await connect(path, PATH), Heard()
        running = asyncio.create_task(stream.run(heard))
        stream.send(b"first")
        async with asyncio.timeout(PATIENCE):
            await heard.messages.get()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        stream.send(b"second")
        stream.done_writing()
        async with asyncio.timeout(PATIENCE):
            await stream.closed
        assert heard.messages.empty()
        await stream.close(1)
