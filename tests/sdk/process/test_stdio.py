"""What is printed, cut into lines and handed on; with a real host in test_process.py."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator

import pytest

from mattermost_plugin.process import stdio
from mattermost_plugin.process.stdio import MAX_LINE, MAX_WAITING_LINES, PrintedLines, StdoutPump, cut_lines
from support.plugin_host import TIMEOUT

pytestmark = pytest.mark.anyio

CUT = b"x" * MAX_LINE + stdio.CUT_MARK


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b\nc", b"\r\n"], [b"ab", b"c"]),
        ([b"no end"], [b"no end"]),
        ([b"\n\n"], [b"", b""]),
        ([b"x" * MAX_LINE, b"\n"], [b"x" * MAX_LINE]),
        ([b"x" * (MAX_LINE + 1), b"y" * 10, b"\nz"], [CUT, b"z"]),
        ([b"x" * (MAX_LINE * 3) + b"\nz\n"], [CUT, b"z"]),
        ([b"x" * MAX_LINE] * 50, [CUT]),
    ],
)
async def test_lines_are_cut_out_of_any_pieces(chunks: list[bytes], lines: list[bytes]) -> None:
    assert list(cut_lines(iter(chunks))) == lines


async def _first(lines: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(TIMEOUT):
        return await anext(lines)


async def test_nobody_takes_lines_before_the_host_asks() -> None:
    assert not PrintedLines().put(b"early")


async def test_the_host_gets_lines_once_it_asked_until_the_end() -> None:
    printed = PrintedLines()
    with printed.reading() as lines:
        waiting = asyncio.create_task(_first(lines))
        assert printed.put(b"one")
        assert await waiting == b"one\n"
        assert printed.put(b"two")
        assert printed.put(b"three")
        printed.close()
        assert await _first(lines) == b"two\nthree\n"
        assert await anext(lines, None) is None
    assert not printed.put(b"late")


async def test_lines_that_a_slow_host_does_not_take_are_counted_and_dropped() -> None:
    printed = PrintedLines()
    with printed.reading() as lines:
        for number in range(MAX_WAITING_LINES + 7):
            assert printed.put(b"%d" % number)
        data = await _first(lines)
        assert data.count(b"\n") == MAX_WAITING_LINES + 1
        assert data.endswith(b"\n[7 lines lost]\n")
        printed.close()
        assert await anext(lines, None) is None


async def test_what_is_printed_goes_to_the_taker_or_to_the_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[bytes] = []

    def take(line: bytes) -> bool:
        taken.append(line)
        return line.startswith(b"t")

    pump = StdoutPump(take)
    caplog.set_level(logging.INFO, "stdout")
    pump.open()
    try:
        os.write(1, b"this\nother \xff\nthat")
    finally:
        pump.close()
    os.write(1, b"after\n")
    assert taken == [b"this", b"other \xff", b"that"]
    assert caplog.messages == ["other \\xff"]
    assert capfd.readouterr().out == "after\n"


async def test_a_process_that_no_host_started_has_no_handshake_to_write() -> None:
    assert not stdio.started_by_host()
    with pytest.raises(RuntimeError, match="no host started this process"):
        stdio.write_handshake("1|1|tcp|127.0.0.1:1|grpc")
