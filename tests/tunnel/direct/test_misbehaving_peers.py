"""Peers that call nothing, send garbage or vanish."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import pytest

from mattermost_plugin.http2.frames import PREFACE, PUSH_PROMISE
from mattermost_plugin.tunnel.direct import CallEnded, DirectMessageStream, connect
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from support.direct_calls import Heard, assert_echoes, echo, ended, listening, raw, read_to_end
from support.http2 import PATH, REQUEST, data, frame, headers
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("said", [b"", PREFACE[:10], PREFACE, PREFACE + frame(4)])
async def test_a_client_that_calls_nothing_is_dropped(tmp_path: Path, said: bytes) -> None:
    async with listening(echo, tmp_path, call_timeout=0.05) as (_, path), raw(path, said) as (reader, _w):
        await read_to_end(reader)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        bytes(100_000),
        PREFACE + bytes(range(256)) * 3,
        PREFACE + frame(PUSH_PROMISE, bytes(4), 4, 1),
        PREFACE + headers([(":path", "/")]),
    ],
)
async def test_garbage_is_hung_up_on_and_harms_nobody(tmp_path: Path, garbage: bytes) -> None:
    async with listening(echo, tmp_path) as (_, path), raw(path, garbage) as (reader, _w):
        await read_to_end(reader)
        await assert_echoes(path)


async def test_garbage_in_the_middle_of_a_call_ends_it_alone(tmp_path: Path) -> None:
    failures: asyncio.Queue[Exception] = asyncio.Queue()

    async def handle(stream: DirectMessageStream) -> None:
        try:
            await echo(stream)
        except RemoteProtocolError as error:
            failures.put_nowait(error)

    opening = PREFACE + frame(4) + headers(REQUEST)
    async with listening(handle, tmp_path) as (_, path), raw(path, opening) as (reader, writer):
        writer.write(data(b"\1\0\0\0\0"))
        await read_to_end(reader)
        assert "compressed" in str(failures.get_nowait())
        await assert_echoes(path)


async def test_a_client_that_vanishes_ends_its_call(tmp_path: Path) -> None:
    failures: asyncio.Queue[CallEnded] = asyncio.Queue()

    async def handle(stream: DirectMessageStream) -> None:
        try:
            await stream.run(Heard())
        except CallEnded as error:
            failures.put_nowait(error)

    async with listening(handle, tmp_path) as (_, path):
        async with raw(path, PREFACE + frame(4) + headers(REQUEST)) as (reader, _):
            await reader.readexactly(9)
        async with asyncio.timeout(PATIENCE):
            error = await failures.get()
        assert error.status is None
        assert "the connection was" in str(error)


async def test_a_fault_of_our_own_ends_its_call_and_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    faults = [LookupError("ours")]

    async def handle(stream: DirectMessageStream) -> None:
        if faults:
            raise faults.pop()
        await echo(stream)

    async with listening(handle, tmp_path) as (_, path):
        error = await ended(await connect(path, PATH))
        assert (error.status, str(error)) == (grpc.StatusCode.INTERNAL.value[0], "the server failed")
        assert "LookupError: ours" in caplog.text
        await assert_echoes(path)
