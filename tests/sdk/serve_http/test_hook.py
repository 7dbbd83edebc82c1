"""Handlers of the ServeHTTP hook, called by a host that speaks the contract alone."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from mattermost_plugin import HookName, Plugin, RuntimeConfig, hook
from mattermost_plugin.grpc.hooks_common_pb2 import PluginContext
from mattermost_plugin.serve_http.hook import StreamingHTTPRequest
from mattermost_plugin.serve_http.request import MAX_COLLECTED_BODY, BodyTooLarge
from mattermost_plugin.serve_http.writer import MAX_QUEUED, canonical_name, encode_headers
from mattermost_plugin.servicers.hooks_servicer import HTTPRequest, HTTPResponseWriter
from support.plugin_host import TIMEOUT, Host, serving

pytestmark = pytest.mark.anyio


def handling(handler: Callable[..., Any], *, stream: bool = False) -> Plugin:
    plugin: Plugin = type("Handling", (Plugin,), {"serve": hook(HookName.ServeHTTP, stream=stream)(handler)})()
    return plugin


# The request


async def test_a_request_has_what_the_reference_gives_it() -> None:
    context = PluginContext(request_id="r")
    request = HTTPRequest(
        method="POST",
        url="/a?b=c",
        proto="HTTP/2.0",
        proto_major=2,
        proto_minor=0,
        headers={"Content-Type": ["text/plain"], "X-Many": ["1", "2"]},
        host="example.com",
        remote_addr="10.0.0.1:5",
        request_uri="/plugins/p/a?b=c",
        content_length=4,
        plugin_context=context,
        body=b"body",
    )
    assert (request.method, request.url, request.request_uri) == ("POST", "/a?b=c", "/plugins/p/a?b=c")
    assert (request.proto, request.proto_major, request.proto_minor) == ("HTTP/2.0", 2, 0)
    assert (request.host, request.remote_addr, request.content_length) == ("example.com", "10.0.0.1:5", 4)
    assert request.plugin_context is context
    assert request.get_header("content-TYPE") == "text/plain"
    assert request.get_header("x-none") == ""
    assert request.get_header("x-none", "default") == "default"
    assert request.get_all_headers("x-many") == ["1", "2"]
    assert request.get_all_headers("x-none") == []
    assert request.body == b"body"


async def test_a_body_is_read_as_a_whole_in_parts_and_in_pieces() -> None:
    def request() -> HTTPRequest:
        return HTTPRequest(body=iter([b"abc", b"", b"defg", b"h"]))

    whole = request()
    assert (whole.body, whole.body, whole.read(3), whole.read()) == (b"abcdefgh", b"abcdefgh", b"abc", b"defgh")
    parts = request()
    assert [parts.read(n) for n in (2, 0, 4, 9, 1)] == [b"ab", b"", b"cdef", b"gh", b""]
    mixed = request()
    assert mixed.read(2) == b"ab"
    assert list(mixed) == [b"c", b"defg", b"h"]
    with pytest.raises(RuntimeError, match="was read before"):
        _ = mixed.body


async def test_a_body_that_is_too_large_is_not_kept_as_a_whole() -> None:
    mebibyte = bytes(1024 * 1024)
    with pytest.raises(BodyTooLarge, match=r"request\.read"):
        _ = HTTPRequest(body=iter([mebibyte] * 17)).body
    assert len(HTTPRequest(body=iter([mebibyte] * 17)).read()) == 17 * 1024 * 1024


# The writer, by itself


async def test_a_writer_keeps_what_is_written() -> None:
    writer = HTTPResponseWriter()
    assert writer.status_code is None
    assert (writer.write("é"), writer.write(b"abc"), writer.write(bytearray(b"d"))) == (2, 3, 1)
    assert HTTPResponseWriter().write(memoryview(bytes(8)).cast("I")) == 8
    assert writer.status_code == 200
    assert writer.get_body() == "éabcd".encode()
    writer.clear_pending_writes()
    assert (writer.get_body(), writer.get_pending_writes()) == (b"", [])
    assert HTTPResponseWriter.MAX_CHUNK_SIZE == 65536


async def test_a_flush_marks_the_last_write_or_the_next() -> None:
    writer = HTTPResponseWriter()
    writer.flush()
    writer.write("a")
    writer.write("b")
    writer.write("c")
    writer.flush()
    assert writer.get_pending_writes() == [(b"a", True), (b"b", False), (b"c", True)]


async def test_the_status_is_set_once_and_has_to_be_possible(caplog: pytest.LogCaptureFixture) -> None:
    writer = HTTPResponseWriter()
    for status in (0, 99, 100, 199, 1000, -1):
        with pytest.raises(ValueError, match="200 to 999"):
            writer.write_header(status)
    writer.write_header(404)
    writer.write_header(200)
    assert writer.status_code == 404
    assert "ignored" in caplog.text


async def test_headers_that_differ_by_case_are_one() -> None:
    writer = HTTPResponseWriter()
    writer.set_header("content-type", "a")
    writer.add_header("CONTENT-TYPE", "b")
    assert writer.headers == {"Content-Type": ["a", "b"]}
    writer.set_header("Content-Type", "c")
    assert writer.headers == {"Content-Type": ["c"]}
    assert canonical_name("x-request-ID") == "X-Request-Id"


async def test_late_headers_are_ignored_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    writer = HTTPResponseWriter()
    writer.write("x")
    writer.set_header("X-Late", "1")
    writer.add_header("X-Late", "2")
    assert writer.headers == {}
    assert caplog.text.count("X-Late") == 2


async def test_headers_are_encoded_value_by_value() -> None:
    headers: dict[str, list[str] | str] = {"X-One": "1", "X-Two": ["a", "é"]}
    assert encode_headers(headers) == [(b"x-one", b"1"), (b"x-two", b"a"), (b"x-two", "é".encode())]


# Requests and answers through a server


def describe(self: Plugin, context: PluginContext, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None:
    response_writer.set_header("X-Method", request.method)
    response_writer.set_header("X-Url", request.url)
    response_writer.set_header("X-Uri", request.request_uri)
    response_writer.set_header("X-Context", f"{context.request_id} {context.ip_address} {context.user_agent}")
    response_writer.set_header("X-Address", f"{request.host} {request.remote_addr} {request.proto}")
    response_writer.set_header("X-Names", " ".join(sorted(request.headers)))
    response_writer.write_header(201)
    response_writer.write(request.body)


async def describe_async(self: Plugin, *arguments: Any) -> None:
    describe(self, *arguments)


BOTH = pytest.mark.parametrize("handler", [describe, describe_async])


@BOTH
async def test_a_handler_written_for_the_reference_answers(handler: Callable[..., Any]) -> None:
    async with serving(handling(handler)) as (_, host):
        answer = await host.request(
            "POST",
            "/sub?x=%2F",
            b"body" * 100_000,
            request_uri="/plugins/p/sub?x=%2F",
            headers=[("X-Request-Id", "r1"), ("User-Agent", "tests"), ("Accept-Language", "en")],
            host="example.com",
            remote_addr="[::1]:7",
        )
    assert (answer.status, answer.body) == (201, b"body" * 100_000)
    assert answer.headers["X-Method"] == ["POST"]
    assert answer.headers["X-Url"] == ["/sub?x=%2F"]
    assert answer.headers["X-Uri"] == ["/plugins/p/sub?x=%2F"]
    assert answer.headers["X-Context"] == ["r1 ::1 tests"]
    assert answer.headers["X-Address"] == ["example.com [::1]:7 HTTP/1.1"]
    assert answer.headers["X-Names"] == ["Accept-Language Content-Length User-Agent X-Request-Id"]


async def test_a_plugin_without_a_handler_answers_404() -> None:
    async with serving(Plugin()) as (_, host):
        answer = await host.request("POST", body=b"ignored")
    assert (answer.status, answer.body) == (404, b"Not Found")


async def test_a_call_without_a_request_is_an_error() -> None:
    async with serving(handling(describe)) as (_, host):
        call: Any = host.hooks.ServeHTTP()
        await call.done_writing()
        first = await call.read()
    assert first.init.status_code == 500


async def test_an_answer_that_is_known_as_a_whole_has_its_length() -> None:
    async def small(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        response_writer.write("12")
        response_writer.write("345")

    async def empty(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        response_writer.write_header(204)

    async with serving(handling(small)) as (_, host):
        assert (await host.request()).headers["Content-Length"] == ["5"]
    async with serving(handling(empty)) as (_, host):
        answer = await host.request()
    assert (answer.status, answer.headers, answer.body) == (204, {}, b"")


async def test_headers_set_in_any_case_arrive_once() -> None:
    def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        response_writer.set_header("content-type", "text/plain")
        response_writer.set_header("Content-Type", "text/html")
        response_writer.add_header("x-many", "1")
        response_writer.add_header("X-Many", "2")
        response_writer.write("x")

    async with serving(handling(handler)) as (_, host):
        answer = await host.request()
    assert answer.headers == {"Content-Type": ["text/html"], "X-Many": ["1", "2"]}


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\x00"])
async def test_a_header_that_could_split_the_response_is_a_500(value: str) -> None:
    def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        response_writer.set_header("X-Header", value)
        response_writer.write("x")

    async with serving(handling(handler)) as (_, host):
        answer = await host.request()
    assert (answer.status, answer.body) == (500, b"Internal Server Error")


async def test_a_large_write_leaves_in_pieces() -> None:
    def handler(self: Plugin, context: object, response_writer: HTTPResponseWriter, request: object) -> None:
        response_writer.write(bytes(200_000))

    async with serving(handling(handler)) as (_, host):
        call = await host.begin(complete=True)
        sizes = []
        while (message := await call.next_message()) is not None:
            sizes.append(len(message.body_chunk))
    assert sum(sizes) == 200_000
    assert max(sizes) == 65536


# Streaming


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


# Failures and disconnects


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
