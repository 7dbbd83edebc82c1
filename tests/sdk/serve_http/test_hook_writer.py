"""What a ServeHTTP handler writes to: the reference's writer, by itself."""

from __future__ import annotations

import pytest

from mattermost_plugin.serve_http.writer import canonical_name, encode_headers
from mattermost_plugin.servicers.hooks_servicer import HTTPResponseWriter

pytestmark = pytest.mark.anyio


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
