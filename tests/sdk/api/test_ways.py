"""Which way the async client's calls take: the stream of calls that a host of ours offers, or gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest

from mattermost_plugin import AsyncPluginAPIClient, UnavailableError
from mattermost_plugin.api.calls import MAX_ATTEMPTS
from mattermost_plugin.calls.client import CONNECT
from mattermost_plugin.calls.limits import MAX_REQUEST
from mattermost_plugin.calls.outcomes import CallContext, answering
from mattermost_plugin.calls.server import CallServer
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.listening.server import Server
from mattermost_plugin.listening.unary import unary
from mattermost_plugin.statuses import CallFailed, Status
from support.api_host import RPCS, SERVICE, ApiHost, answer, request_class, serving
from support.direct_calls import listener

pytestmark = pytest.mark.anyio

Code = grpc.StatusCode


class Context:
    """What `ApiHost` wants to know of a call that came by gRPC."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return [(name.decode(), value.decode()) for name, value in self._call.fields]

    def time_remaining(self) -> float | None:
        left: float | None = self._call.time_remaining()
        return left


class Direct:
    """A host that takes calls on streams, and by gRPC what comes so."""

    def __init__(self, path: Path, host: ApiHost) -> None:
        self.path = path
        self.host = host
        self.asked: list[str] = []
        self.failures: list[Status] = []
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.hangs = False

    async def start(self) -> None:
        self._calls = CallServer({_path(rpc): answering(self._handler(rpc), request_class(rpc)) for rpc in RPCS}, -1)
        by_grpc = {_path(rpc): unary(answering(self._by_grpc(rpc), request_class(rpc)), -1) for rpc in RPCS}
        limits = Limits(max_message=2 * MAX_REQUEST)
        self._server = Server(by_grpc, {CONNECT: self._calls.direct.connection}, limits)
        self._server.listen([listener(self.path)])

    async def close(self) -> None:
        await asyncio.gather(self._server.stop(0), self._calls.close(0))
        await self._server.close()
        self.path.unlink(missing_ok=True)

    def _handler(self, rpc: str) -> Any:
        async def handle(request: Any, context: CallContext) -> Any:
            self.asked.append(rpc)
            if self.failures:
                raise CallFailed(self.failures.pop(), "so it is")
            if self.hangs:
                await self._hang()
            return answer(rpc)

        return handle

    def _by_grpc(self, rpc: str) -> Any:
        async def handle(request: Any, context: CallContext) -> Any:
            given: Any = Context(context)
            return self.host.respond(rpc, request, given)

        return handle

    async def _hang(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


def _path(rpc: str) -> str:
    return f"/{SERVICE.full_name}/{rpc}"


@pytest.fixture
def own_target() -> Iterator[str]:
    """Where a host of the test's own listens."""
    with TemporaryDirectory() as folder:
        yield f"unix:{folder}/s"


@pytest.fixture
async def direct(own_target: str, host: ApiHost) -> AsyncIterator[Direct]:
    direct = Direct(Path(own_target.removeprefix("unix:")), host)
    await direct.start()
    yield direct
    await direct.close()


@pytest.fixture
async def client(own_target: str, direct: Direct) -> AsyncIterator[AsyncPluginAPIClient]:
    async with AsyncPluginAPIClient(own_target) as client:
        yield client


async def test_a_host_that_offers_the_stream_is_asked_there(
    host: ApiHost, direct: Direct, client: AsyncPluginAPIClient
) -> None:
    assert (await client.get_user("u")).id == "id 1"
    assert (direct.asked, host.calls) == (["GetUser"], [])


async def test_a_foreign_host_is_asked_by_grpc(host: ApiHost, own_target: str) -> None:
    with serving(Path(own_target.removeprefix("unix:")), host):
        async with AsyncPluginAPIClient(own_target) as client:
            await client.get_user("u")
            await client.get_user("u")
    assert [call.rpc for call in host.calls] == ["GetUser"] * 2


async def test_a_call_that_brings_a_token_goes_by_grpc(host: ApiHost, own_target: str, direct: Direct) -> None:
    async with AsyncPluginAPIClient(own_target, token="mine") as client:
        await client.get_user("u")
    assert (direct.asked, len(host.calls)) == ([], 1)


async def test_files_and_large_requests_go_by_grpc(host: ApiHost, direct: Direct, client: AsyncPluginAPIClient) -> None:
    await client.get_file("f")
    await client.kv_set("key", bytes(MAX_REQUEST))
    await client.kv_set("key", b"small")
    assert direct.asked == ["KVSet"]
    assert [call.rpc for call in host.calls] == ["GetFile", "KVSet"]


async def test_more_calls_than_a_stream_takes_go_by_grpc(host: ApiHost, own_target: str, direct: Direct) -> None:
    async with AsyncPluginAPIClient(own_target) as client:
        await client.get_user("u")
        direct.hangs = True
        many = [asyncio.create_task(client.delete_post("p")) for _ in range(1024)]
        while len(direct.asked) < 1025:
            await asyncio.sleep(0)
        await client.get_user("u")
        for task in many:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)
    assert [call.rpc for call in host.calls] == ["GetUser"]


async def test_a_host_that_is_back_is_asked_at_the_stream_again(
    host: ApiHost, direct: Direct, client: AsyncPluginAPIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mattermost_plugin.api.aio.direct.PAUSE", 0.0)
    await client.get_user("u")
    await direct.close()
    with pytest.raises(UnavailableError):
        await client.get_user("u", timeout=0.2)
    await direct.start()
    await client.get_user("u")
    assert (direct.asked, host.calls) == (["GetUser", "GetUser"], [])


async def test_a_reading_call_is_tried_again_on_the_stream(direct: Direct, client: AsyncPluginAPIClient) -> None:
    direct.failures = [Status.UNAVAILABLE] * (MAX_ATTEMPTS - 1)
    assert (await client.get_user("u")).id == "id 1"
    assert direct.asked == ["GetUser"] * MAX_ATTEMPTS


async def test_a_changing_call_is_made_once_on_the_stream(
    host: ApiHost, direct: Direct, client: AsyncPluginAPIClient
) -> None:
    direct.failures = [Status.UNAVAILABLE]
    with pytest.raises(UnavailableError, match="so it is"):
        await client.delete_post("p")
    assert (direct.asked, host.calls) == (["DeletePost"], [])


async def test_a_call_whose_host_dies_is_not_made_again_if_it_changes_something(
    host: ApiHost, direct: Direct, client: AsyncPluginAPIClient
) -> None:
    direct.hangs = True
    call = asyncio.create_task(client.delete_post("p"))
    await direct.begun.wait()
    await direct.close()
    with pytest.raises(UnavailableError) as failed:
        await call
    assert failed.value.code is Code.UNAVAILABLE
    assert host.calls == []


async def test_a_call_on_the_stream_that_takes_too_long_ends(direct: Direct, client: AsyncPluginAPIClient) -> None:
    direct.hangs = True
    with pytest.raises(UnavailableError, match="Request timed out: Deadline Exceeded") as late:
        await client.get_user("u", timeout=0.05)
    assert late.value.code is Code.DEADLINE_EXCEEDED
    await direct.cancelled.wait()


async def test_a_cancelled_task_cancels_its_call_on_the_stream(direct: Direct, client: AsyncPluginAPIClient) -> None:
    direct.hangs = True
    task = asyncio.create_task(client.get_user("u"))
    await direct.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await direct.cancelled.wait()


async def test_closing_ends_the_calls_that_are_under_way_on_the_stream(own_target: str, direct: Direct) -> None:
    direct.hangs = True
    client = AsyncPluginAPIClient(own_target)
    task = asyncio.create_task(client.get_user("u"))
    await direct.begun.wait()
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await task
    await direct.cancelled.wait()


async def test_a_limit_of_the_channel_holds_on_the_stream(own_target: str, direct: Direct) -> None:
    async with AsyncPluginAPIClient(own_target, options=[("grpc.max_receive_message_length", 10)]) as client:
        with pytest.raises(UnavailableError) as large:
            await client.get_user("u")
    assert large.value.code is Code.RESOURCE_EXHAUSTED
    assert direct.asked == ["GetUser"]
