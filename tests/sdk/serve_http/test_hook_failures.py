"""ServeHTTP handlers that fail, and clients that leave."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.serve_http.hook import StreamingHTTPRequest
from mattermost_plugin.servicers.hooks_servicer import HTTPRequest, HTTPResponseWriter
from support.plugin_host import TIMEOUT, Host, serving
from support.serve_http_handlers import describe_async, handling

pytestmark = pytest.mark.anyio


def _raise(self: Plugin, *arguments: object) -> None:
    raise LookupError("the secret reason")


async def _raise_async(self: Plugin, *arguments: object) -> None:
    raise LookupError("the secret reason")


async def _write_and_raise(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
    response_writer.write("queued, and not sent when it raises")
    raise LookupError("the secret reason")


@pytest.mark.parametrize("handler", [_raise, _raise_async, _write_and_raise])
async def test_an_exception_before_anything_left_is_a_500_without_its_text(
    handler: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(handling(handler)) as (_, host):
        answer = await host.request()
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert any(record.exc_info and "the secret reason" in str(record.exc_info[1]) for record in caplog.records)


def _fail_midway(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
    response_writer.write("begun")
    raise LookupError("midway")


async def _fail_midway_async(
    self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object
) -> None:
    response_writer.write("begun")
    await response_writer.drain()
    raise LookupError("midway")


@pytest.mark.parametrize("handler", [_fail_midway, _fail_midway_async])
async def test_an_exception_after_the_start_breaks_the_response(handler: Callable[..., Any]) -> None:
    async with serving(handling(handler)) as (_, host), asyncio.timeout(TIMEOUT):
        call = await host.begin(complete=True)
        assert await call.next_chunk() == b"begun"
        with pytest.raises(grpc.aio.AioRpcError):
            await call.next_message()


async def test_a_handler_hidden_by_a_decorator_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    def hiding(self: Plugin, *arguments: Any) -> Any:
        return describe_async(self, *arguments)

    async with serving(handling(hiding)) as (_, host):
        assert (await host.request()).status == 500
    assert any("returned a coroutine" in str(record.exc_info[1]) for record in caplog.records if record.exc_info)


class Recorder:
    """What happened in a handler, for a test that waits for it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.errors: list[BaseException] = []
        self.ended = threading.Event()

    async def wait(self, event: threading.Event) -> None:
        assert await asyncio.to_thread(event.wait, TIMEOUT)


async def _disconnect(host: Host, recorder: Recorder) -> None:
    call = await host.begin("POST")
    await call.send(b"begin")
    await recorder.wait(recorder.entered)
    call.rpc.cancel()
    await recorder.wait(recorder.ended)


async def test_a_truncated_upload_raises_in_every_read() -> None:
    recorder = Recorder()

    def sync(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None:
        assert request.read(5) == b"begin"
        recorder.entered.set()
        try:
            request.read()
        except OSError as error:
            recorder.errors.append(error)
        recorder.ended.set()

    async def asynchronous(
        self: Plugin, context: object, response_writer: HTTPResponseWriter, request: StreamingHTTPRequest
    ) -> None:
        assert await request.read(5) == b"begin"
        recorder.entered.set()
        try:
            await request.read()
        except OSError as error:
            recorder.errors.append(error)
        recorder.ended.set()

    for plugin in (handling(sync), handling(asynchronous, stream=True)):
        async with serving(plugin) as (_, host), asyncio.timeout(TIMEOUT):
            await _disconnect(host, recorder)
        recorder.entered.clear()
        recorder.ended.clear()
    assert len(recorder.errors) == 2


async def test_an_async_handler_does_not_start_with_a_truncated_body() -> None:
    started: list[str] = []

    async def handler(self: Plugin, *arguments: object) -> None:
        started.append("started")

    async with serving(handling(handler)) as (server, host):
        call = await host.begin("POST", content_length=10)
        await call.send(b"begin")
        call.rpc.cancel()
        await host.request()
        await server.stop(TIMEOUT)
    assert started == ["started"]


async def test_writing_to_a_client_that_has_gone_raises() -> None:
    recorder = Recorder()

    def sync(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None:
        recorder.entered.set()
        try:
            while True:
                response_writer.write("x")
                time.sleep(0.005)
        except OSError as error:
            recorder.errors.append(error)
        recorder.ended.set()

    async def asynchronous(
        self: Plugin, context: object, response_writer: HTTPResponseWriter, request: StreamingHTTPRequest
    ) -> None:
        recorder.entered.set()
        try:
            while True:
                response_writer.write("x")
                await asyncio.sleep(0.005)
        except OSError as error:
            recorder.errors.append(error)
        recorder.ended.set()

    async def draining(
        self: Plugin, context: object, response_writer: HTTPResponseWriter, request: StreamingHTTPRequest
    ) -> None:
        recorder.entered.set()
        try:
            while True:
                response_writer.write(bytes(1024 * 1024))
                await response_writer.drain()
        except OSError as error:
            recorder.errors.append(error)
        recorder.ended.set()

    for plugin in (handling(sync), handling(asynchronous, stream=True), handling(draining, stream=True)):
        async with serving(plugin) as (_, host), asyncio.timeout(TIMEOUT):
            await _disconnect(host, recorder)
        recorder.entered.clear()
        recorder.ended.clear()
    assert len(recorder.errors) == 3


async def test_a_disconnect_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()

    def sync(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None:
        recorder.entered.set()
        try:
            request.read()
        finally:
            recorder.ended.set()

    async with serving(handling(sync)) as (_, host), asyncio.timeout(TIMEOUT):
        await _disconnect(host, recorder)
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_stop_ends_a_sync_handler_that_waits() -> None:
    recorder = Recorder()

    def sync(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None:
        recorder.entered.set()
        try:
            request.read()
        except OSError as error:
            recorder.errors.append(error)
        recorder.ended.set()

    async with serving(handling(sync)) as (server, host), asyncio.timeout(TIMEOUT):
        call = await host.begin("POST")
        await recorder.wait(recorder.entered)
        await server.stop(0.05)
        await recorder.wait(recorder.ended)
        call.rpc.cancel()
    assert len(recorder.errors) == 1


async def test_messages_hold_what_the_contract_says() -> None:
    """The head is in the first message alone, each piece in one of its own, and the last is complete."""

    def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        for piece in ("a", "b", "c"):
            response_writer.write(piece)

    async with serving(handling(handler)) as (_, host):
        call = await host.begin(complete=True)
        messages = []
        while (message := await call.next_message()) is not None:
            messages.append(message)
    assert [message.HasField("init") for message in messages] == [True] + [False] * (len(messages) - 1)
    assert [message.body_chunk for message in messages if message.body_chunk] == [b"a", b"b", b"c"]
    assert [message.body_complete for message in messages] == [False] * (len(messages) - 1) + [True]
    assert all(message.flush for message in messages[:-1])
