"""Calls that gRPC's library makes of a server of ours: answers, statuses, deadlines, streams, and the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from mattermost_plugin.http2.frames import PING, PREFACE, SETTINGS, frame_head
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.listening.server import Server
from support.listening import PIECE, Methods, ask, calling, serving
from support.patience import PATIENCE
from support.plugin_host import eventually

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
TIMEOUT = PATIENCE


@pytest.fixture
def methods(anyio_backend: str) -> Methods:
    return Methods()


@pytest.fixture
async def server(methods: Methods, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(methods, tmp_path / "s") as server:
        yield server


@pytest.fixture
async def channel(server: Server, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    async with calling(tmp_path / "s") as channel:
        yield channel


async def refusal(channel: grpc.aio.Channel, method: str, body: bytes = b"", timeout: float = TIMEOUT) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(channel, method, body, timeout)
    return refused.value.code().name, refused.value.details()


async def test_a_call_is_answered_and_its_deadline_is_known(methods: Methods, channel: grpc.aio.Channel) -> None:
    assert await ask(channel, "echo", b"body", timeout=100) == b"body"
    assert methods.left is not None
    assert 90 < methods.left <= 100
    assert await ask(channel, "echo", b"", timeout=None) == b""
    assert methods.left is None


@pytest.mark.parametrize("size", [1, 60_000, 70_000, 5 * MIB, 40 * MIB])
async def test_messages_may_have_any_size(tmp_path: Path, size: int) -> None:
    async with serving(Methods(), tmp_path / "s", Limits(max_message=64 * MIB)), calling(tmp_path / "s") as channel:
        assert await ask(channel, "echo", bytes(size)) == bytes(size)


async def test_many_calls_at_once_have_each_their_own_answer(channel: grpc.aio.Channel) -> None:
    bodies = [str(number).encode() * 100 for number in range(500)]
    assert await asyncio.gather(*(ask(channel, "echo", body) for body in bodies)) == bodies


async def test_failures_are_told_as_grpcs_library_tells_them(
    channel: grpc.aio.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    assert await refusal(channel, "refuse") == ("NOT_FOUND", "naïve: 100 %")
    assert await refusal(channel, "fail") == ("UNKNOWN", "Unexpected <class 'ValueError'>: a bug")
    assert "/fail failed" in caplog.text
    assert await refusal(channel, "bug") == ("CANCELLED", "the call was cancelled")
    assert await refusal(channel, "other") == ("UNIMPLEMENTED", "Method not found!")


async def test_a_message_beyond_the_limit_is_refused_in_either_direction(tmp_path: Path) -> None:
    methods = Methods()
    async with serving(methods, tmp_path / "s", Limits(max_message=2000), 1000), calling(tmp_path / "s") as channel:
        status, _ = await refusal(channel, "echo", bytes(2001))
        assert status == "RESOURCE_EXHAUSTED"
        assert await refusal(channel, "echo", bytes(1001)) == (
            "RESOURCE_EXHAUSTED",
            "Sent message larger than max (1001 vs. 1000)",
        )
        assert await ask(channel, "echo", bytes(1000)) == bytes(1000)


async def test_a_call_without_a_request_is_an_error(channel: grpc.aio.Channel) -> None:
    call: Any = channel.stream_stream("/echo")()
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.INTERNAL
    assert await call.details() == "the call brought no request"


async def test_what_takes_longer_than_its_caller_waits_is_cancelled(
    methods: Methods, channel: grpc.aio.Channel
) -> None:
    assert await refusal(channel, "wait", timeout=0.1) == ("DEADLINE_EXCEEDED", "Deadline Exceeded")
    async with asyncio.timeout(TIMEOUT):
        await methods.ended.wait()


async def test_what_nobody_waits_for_is_cancelled(methods: Methods, channel: grpc.aio.Channel) -> None:
    call = asyncio.create_task(ask(channel, "wait"))
    await methods.begun.wait()
    call.cancel()
    async with asyncio.timeout(TIMEOUT):
        await methods.ended.wait()


async def test_what_a_client_that_is_gone_asked_is_cancelled(methods: Methods, server: Server, tmp_path: Path) -> None:
    async with calling(tmp_path / "s") as channel:
        call = asyncio.create_task(ask(channel, "wait"))
        await methods.begun.wait()
    async with asyncio.timeout(TIMEOUT):
        await methods.ended.wait()
    await asyncio.gather(call, return_exceptions=True)


async def test_messages_go_both_ways(channel: grpc.aio.Channel) -> None:
    call: Any = channel.stream_stream("/talk")()
    for size in (0, 1, 100_000, 5):
        await call.write(bytes(size))
        assert await call.read() == bytes(size)
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_who_reads_nothing_is_written_no_more_than_its_windows_hold(
    methods: Methods, channel: grpc.aio.Channel
) -> None:
    call: Any = channel.stream_stream("/flood")()
    assert await call.read() == PIECE
    written = -1
    while written != methods.written:  # until it stands still
        written = methods.written
        await asyncio.sleep(0.2)
    assert written * len(PIECE) < 8 * MIB
    assert await ask(channel, "echo", bytes(MIB)) == bytes(MIB)  # others on the connection go on
    call.cancel()
    async with asyncio.timeout(TIMEOUT):
        await methods.ended.wait()


async def test_who_is_not_read_is_held_back(methods: Methods, channel: grpc.aio.Channel) -> None:
    call: Any = channel.stream_stream("/hold")()
    sent = 0

    async def send() -> None:
        nonlocal sent
        for _ in range(400):
            await call.write(PIECE)
            sent += 1
        await call.done_writing()

    sending = asyncio.create_task(send())
    await methods.begun.wait()
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.2)
    assert sent * len(PIECE) < 8 * MIB
    methods.go_on.set()
    await sending
    assert await call.code() is grpc.StatusCode.OK
    assert methods.read == 400


async def test_calls_beyond_those_that_a_client_may_have_open_wait(tmp_path: Path) -> None:
    methods = Methods()
    async with serving(methods, tmp_path / "s", Limits(max_streams=3)), calling(tmp_path / "s") as channel:
        calls = [asyncio.create_task(ask(channel, "wait", b"%d" % number)) for number in range(8)]
        await methods.begun.wait()
        methods.go_on.set()
        assert await asyncio.gather(*calls) == [b"%d" % number for number in range(8)]


async def test_a_stop_lets_calls_finish_within_their_grace(
    methods: Methods, server: Server, channel: grpc.aio.Channel
) -> None:
    call = asyncio.create_task(ask(channel, "wait", b"x"))
    await methods.begun.wait()
    stopping = asyncio.create_task(server.stop(TIMEOUT))
    await asyncio.sleep(0)
    methods.go_on.set()
    assert await call == b"x"
    async with asyncio.timeout(TIMEOUT):
        await stopping


async def test_after_the_grace_calls_are_ended_with_a_status(
    methods: Methods, server: Server, channel: grpc.aio.Channel
) -> None:
    call = asyncio.create_task(ask(channel, "wait", b"x"))
    flow: Any = channel.stream_stream("/talk")()
    await flow.write(b"y")
    assert await flow.read() == b"y"
    await methods.begun.wait()
    async with asyncio.timeout(TIMEOUT):
        await server.stop(0)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await call
    assert (ended.value.code(), ended.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the server stops")
    assert await flow.code() is grpc.StatusCode.UNAVAILABLE
    assert methods.ended.is_set()


async def test_who_breaks_http2_is_hung_up_on_and_others_are_not(
    channel: grpc.aio.Channel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(PREFACE + frame_head(0, SETTINGS, 0, 0) + frame_head(8, PING, 0, 1) + bytes(8))
    async with asyncio.timeout(TIMEOUT):
        assert b"a frame of the connection on stream 1" in await reader.read(-1)
    writer.close()
    await eventually(lambda: "a client broke HTTP/2, and was hung up on" in caplog.text)
    assert await ask(channel, "echo", b"x") == b"x"
