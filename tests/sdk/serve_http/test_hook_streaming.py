"""ServeHTTP handlers that stream, and what may wait on the way."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mattermost_plugin import HookName, Plugin, RuntimeConfig, hook
from mattermost_plugin.serve_http.hook import StreamingHTTPRequest
from mattermost_plugin.serve_http.request import MAX_COLLECTED_BODY
from mattermost_plugin.serve_http.writer import MAX_QUEUED
from mattermost_plugin.servicers.hooks_servicer import HTTPRequest, HTTPResponseWriter
from support.plugin_host import TIMEOUT, serving
from support.serve_http_handlers import describe, describe_async, handling

pytestmark = pytest.mark.anyio


def echo_sync(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None:
    for chunk in request:
        response_writer.write(chunk.upper())


async def echo_async(
    self: Plugin, context: object, response_writer: HTTPResponseWriter, request: StreamingHTTPRequest
) -> None:
    async for chunk in request:
        response_writer.write(chunk.upper())


async def echo_reading(
    self: Plugin, context: object, response_writer: HTTPResponseWriter, request: StreamingHTTPRequest
) -> None:
    while chunk := await request.read(3):
        response_writer.write(chunk.upper())
        await response_writer.drain()


STREAMING = pytest.mark.parametrize(
    "plugin",
    [handling(echo_sync), handling(echo_async, stream=True), handling(echo_reading, stream=True)],
    ids=["sync", "async", "read"],
)


@STREAMING
async def test_a_piece_comes_back_before_the_next_is_sent(plugin: Plugin) -> None:
    async with serving(plugin) as (_, host), asyncio.timeout(TIMEOUT):
        call = await host.begin("POST")
        for piece in (b"one", b"two", b"six"):
            await call.send(piece)
            assert await call.next_chunk() == piece.upper()
        await call.send(complete=True)
        message = await call.next_message()
        assert message is not None
        assert message.body_complete


async def test_a_flush_lets_the_head_leave() -> None:
    release = threading.Event()

    def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        response_writer.write_header(202)
        response_writer.flush()
        assert release.wait(TIMEOUT)
        response_writer.write("body")

    async with serving(handling(handler)) as (_, host), asyncio.timeout(TIMEOUT):
        call = await host.begin(complete=True)
        first = await call.next_message()
        assert first is not None
        assert first.init.status_code == 202
        release.set()
        assert await call.next_chunk() == b"body"


async def test_a_handler_may_take_longer_than_a_hook() -> None:
    async def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        await asyncio.sleep(0.3)
        response_writer.write("late")

    class Slow(Plugin):
        serve = hook(HookName.ServeHTTP)(handler)

    async with serving(Slow(config=RuntimeConfig(hook_timeout=0.05))) as (_, host):
        assert (await host.request()).body == b"late"


async def test_forty_sync_handlers_run_side_by_side() -> None:
    barrier = threading.Barrier(40)

    def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        barrier.wait(TIMEOUT)

    async with serving(handling(handler)) as (_, host):
        answers = await asyncio.gather(*(host.request() for _ in range(40)))
    assert [answer.status for answer in answers] == [200] * 40


async def test_a_body_above_the_limit_is_refused_with_the_remedy_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(handling(describe_async)) as (_, host):
        call = await host.begin("POST", content_length=MAX_COLLECTED_BODY + 1)
        declared = await call.answer()
        call = await host.begin("POST", content_length=-1)
        for _ in range(MAX_COLLECTED_BODY // 65536 + 1):
            await call.send(bytes(65536))
        undeclared = await call.answer()
    async with serving(handling(describe)) as (_, host):
        sync = await host.request("POST", body=bytes(MAX_COLLECTED_BODY + 1))
    assert [declared.status, undeclared.status, sync.status] == [413] * 3
    assert caplog.text.count("stream=True") == 2
    assert caplog.text.count("request.read(n)") == 1


async def test_what_an_async_handler_may_queue_is_bounded() -> None:
    seen: list[BaseException] = []

    async def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        response_writer.write(bytes(MAX_QUEUED))
        try:
            response_writer.write(b"x")
        except BufferError as error:
            seen.append(error)
        response_writer.clear_pending_writes()
        response_writer.write("short")
        await response_writer.drain()
        assert response_writer.get_pending_writes() == []

    async with serving(handling(handler)) as (_, host):
        assert (await host.request()).body == b"short"
    assert "await response_writer.drain()" in str(seen[0])


async def test_a_sync_handler_waits_for_a_slow_client() -> None:
    progress: list[int] = []

    def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        for number in range(640):
            response_writer.write(bytes(65536))
            progress.append(number)

    async with serving(handling(handler)) as (_, host), asyncio.timeout(TIMEOUT):
        call = await host.begin(complete=True)
        assert await call.next_message() is not None
        count = -1
        while count != len(progress):
            count = len(progress)
            await asyncio.sleep(0.2)
        assert count < 640
        call.rpc.cancel()
