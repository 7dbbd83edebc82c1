"""What breaks the tunnel's protocol over a direct call is named to the peer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
import pytest

from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.http2.frames import PREFACE, PUSH_PROMISE
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.direct import connect
from mattermost_plugin.tunnel.servicer import TunnelServicer
from support.direct_calls import Heard, ended, raw, read_to_end, until_asked
from support.http2 import REQUEST, frame, frames, headers
from support.patience import PATIENCE
from support.tunnels import IMPATIENT, direct_server, hello, no_task_left

pytestmark = pytest.mark.anyio

VIOLATIONS = [
    ([hello(min_version=2, max_version=3)], grpc.StatusCode.FAILED_PRECONDITION, "the peer 2 to 3"),
    ([hello(), hello()], grpc.StatusCode.INVALID_ARGUMENT, "a second hello"),
    ([pb.Message()], grpc.StatusCode.INVALID_ARGUMENT, "the first message has no hello"),
    ([hello(), b"\xff\xff\xff"], grpc.StatusCode.INVALID_ARGUMENT, "no message"),
    ([], grpc.StatusCode.INVALID_ARGUMENT, "the stream ended before the hello"),
]


@pytest.mark.parametrize(("messages", "status", "text"), VIOLATIONS)
async def test_a_violation_is_named_to_the_gateway(
    messages: Sequence[pb.Message | bytes], status: grpc.StatusCode, text: str
) -> None:
    async with no_task_left(), direct_server(TunnelServicer(until_asked, IMPATIENT)) as path:
        stream = await connect(path, rpc.CONNECT)
        for message in messages:
            stream.send(message if isinstance(message, bytes) else message.SerializeToString())
        if not messages:
            stream.done_writing()
        error = await ended(stream)
        assert error.status == status.value[0]
        assert text in str(error)


@pytest.mark.parametrize(("messages", "status", "text"), VIOLATIONS)
async def test_a_violation_is_named_to_a_gateway_on_grpcs_library(
    messages: Sequence[pb.Message | bytes], status: grpc.StatusCode, text: str
) -> None:
    async with (
        no_task_left(),
        direct_server(TunnelServicer(until_asked, IMPATIENT)) as path,
        grpc.aio.insecure_channel(f"unix:{path}") as channel,
    ):
        call: Any = channel.stream_stream(rpc.CONNECT)()
        for message in messages:
            await call.write(message if isinstance(message, bytes) else message.SerializeToString())
        if not messages:
            await call.done_writing()
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for _ in call:
                pass
        assert await call.code() is status
        assert text in await call.details()


async def test_a_violation_of_http2_is_one_of_the_tunnels(caplog: pytest.LogCaptureFixture) -> None:
    request = [(name, rpc.CONNECT if name == ":path" else value) for name, value in REQUEST]
    said = PREFACE + frame(4) + headers(request) + frame(PUSH_PROMISE, bytes(4), 4, 1)
    async with (
        no_task_left(),
        direct_server(TunnelServicer(until_asked, IMPATIENT)) as path,
        raw(path, said) as (reader, _),
    ):
        trailers = frames(await read_to_end(reader))[-1].fields
    assert trailers == {"grpc-status": "3", "grpc-message": "a pushed stream"}
    assert "a gateway broke the tunnel's protocol: a pushed stream" in caplog.text


async def test_a_gateway_that_leaves_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with no_task_left(), direct_server(TunnelServicer(until_asked, IMPATIENT)) as path:
            stream = await connect(path, rpc.CONNECT)
            heard = Heard()
            running = asyncio.create_task(stream.run(heard))
            stream.send(hello().SerializeToString())
            async with asyncio.timeout(PATIENCE):
                await heard.messages.get()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await stream.close(1)
    assert caplog.records == []
