"""Requests and answers of ServeHTTP handlers, through a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.servicers.hooks_servicer import HTTPResponseWriter
from support.plugin_host import serving
from support.serve_http_handlers import describe, describe_async, handling

pytestmark = pytest.mark.anyio

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
