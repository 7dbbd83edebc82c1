"""Reading a gRPC stream without loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.grpc import tunnel_pb2_grpc
from mattermost_plugin.serve_http.streams import CallStream
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


class Talker(tunnel_pb2_grpc.TunnelServicer):
    """Says three things and leaves, in order or not."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code

    async def Connect(self, request_iterator: Any, context: Any) -> AsyncIterator[pb.Message]:
        for number in range(3):
            yield pb.Message(frames=[pb.Frame(exchange=number)])
        if self.code is not grpc.StatusCode.OK:
            await context.abort(self.code, "enough")


@asynccontextmanager
async def talking(code: grpc.StatusCode, path: Path) -> AsyncIterator[CallStream]:
    """A stream from which one message was read, and whose peer is known to have gone."""
    server = grpc.aio.server()
    tunnel_pb2_grpc.add_TunnelServicer_to_server(Talker(code), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel, asyncio.timeout(PATIENCE):
            stream = CallStream(tunnel_pb2_grpc.TunnelStub(channel).Connect())
            assert (await stream.read()).frames[0].exchange == 0
            with pytest.raises((grpc.RpcError, asyncio.InvalidStateError)):
                while True:
                    await stream.write(pb.Message())
            yield stream
    finally:
        await server.stop(None)


async def test_what_the_peer_said_is_read_after_a_write_has_failed(tmp_path: Path) -> None:
    async with talking(grpc.StatusCode.OK, tmp_path / "s") as stream:
        assert (await stream.read()).frames[0].exchange == 1
        assert (await stream.read()).frames[0].exchange == 2


async def test_a_status_that_is_not_ok_is_raised(tmp_path: Path) -> None:
    async with talking(grpc.StatusCode.INTERNAL, tmp_path / "s") as stream:
        with pytest.raises(grpc.aio.AioRpcError):
            while await stream.read() is not None:
                pass


async def test_a_write_to_a_call_that_ends_before_it_has_begun_fails(tmp_path: Path) -> None:
    async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'nobody'}") as channel, asyncio.timeout(PATIENCE):
        for turns in range(8):  # of the event loop, in which the write may have come to anything
            call = tunnel_pb2_grpc.TunnelStub(channel).Connect()
            writing = asyncio.create_task(CallStream(call).write(pb.Message()))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises((grpc.RpcError, asyncio.InvalidStateError, asyncio.CancelledError)):
                await writing
