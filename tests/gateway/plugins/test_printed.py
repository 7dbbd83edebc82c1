from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from servehttp.plugins.output import OutputLimits, PluginOutput, Stream
from servehttp.plugins.printed import (
    CUT_MARK,
    LINE_CHARACTERS,
    PrintedByPlugins,
    PrintedLine,
    PrintedLines,
)
from servehttp.tail import BATCH, Missed, TooManyReaders
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.test"


def texts(batch: Sequence[PrintedLine | Missed]) -> list[str | int]:
    return [line.text if isinstance(line, PrintedLine) else line.missed for line in batch]


def filled(count: int, **limits: int) -> PrintedLines:
    printed = PrintedLines(**limits)
    for number in range(count):
        printed.add("stdout", "info", str(number))
    return printed


def test_only_the_last_lines_are_kept() -> None:
    printed = filled(10, lines=3)
    assert texts(printed.last(100)) == ["7", "8", "9"]
    assert texts(printed.last(2)) == ["8", "9"]
    assert printed.last(0) == []


def test_long_lines_are_cut_and_push_out_others() -> None:
    printed = PrintedLines(characters=2 * LINE_CHARACTERS)
    for _ in range(5):
        printed.add("stderr", "error", "x" * (2 * LINE_CHARACTERS))
    [line] = printed.last(100)
    assert line.text == "x" * LINE_CHARACTERS + CUT_MARK
    assert line.number == 4


async def test_what_becomes_a_record_of_the_log_is_kept_as_one_reads_it() -> None:
    printed = PrintedLines()
    output = PluginOutput(PLUGIN, OutputLimits(), 2, printed)
    output.feed(Stream.STDOUT, b"[WARN] disk is full\n")
    output.feed(Stream.STDERR, b'{"@level":"debug","@message":"took","seconds":3}\n')
    output.feed(Stream.STDERR, b"Traceback (most recent call last):\n  File x\nKeyError: 'a'\n")
    output.feed(Stream.STDERR, b'{"@level":"info","@message":"said","@module":"stdout"}\n')
    output.close()
    assert [(line.stream, line.level, line.text, line.replica) for line in printed.last(10)] == [
        ("stdout", "warning", "disk is full", 2),
        ("stderr", "debug", "took seconds=3", 2),
        ("stderr", "error", "Traceback (most recent call last):\n  File x\nKeyError: 'a'", 2),
        ("stdout", "info", "said", 2),
    ]


async def test_lines_that_are_dropped_for_their_number_are_told_of() -> None:
    printed = PrintedLines()
    output = PluginOutput(PLUGIN, OutputLimits(lines_per_second=2), printed=printed)
    output.feed(Stream.STDOUT, b"a\nb\nc\nd\n")
    output.close()
    assert texts(printed.last(10)) == ["a", "b", "[2 lines were dropped: it writes too much]"]


async def test_a_reader_gets_the_last_lines_and_then_each_that_follows() -> None:
    printed = filled(5)
    with printed.reader():
        batches = printed.follow(2, PATIENCE)
        assert texts(await anext(batches)) == ["3", "4"]
        waiting = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        printed.add("stdout", "info", "5")
        assert texts(await waiting) == ["5"]


async def test_a_reader_gets_an_empty_batch_when_nothing_comes() -> None:
    printed = PrintedLines()
    with printed.reader():
        assert texts(await anext(printed.follow(2, 0))) == []


async def test_a_slow_reader_is_told_how_many_lines_it_missed() -> None:
    printed = filled(5, lines=5)
    with printed.reader():
        batches = printed.follow(5, PATIENCE)
        assert texts(await anext(batches)) == ["0", "1", "2", "3", "4"]
        for number in range(5, 17):
            printed.add("stdout", "info", str(number))
        assert texts(await anext(batches)) == [7, "12", "13", "14", "15", "16"]


async def test_a_reader_gets_no_more_than_a_batch_at_once() -> None:
    printed = filled(BATCH + 1)
    with printed.reader():
        batches = printed.follow(2 * BATCH, PATIENCE)
        assert [len(await anext(batches)), len(await anext(batches))] == [BATCH, 1]


async def test_only_so_many_read_at_a_time() -> None:
    printed = filled(1, readers=1)
    with printed.reader(), pytest.raises(TooManyReaders, match="1 readers follow"), printed.reader():
        pass
    with printed.reader():
        pass


async def test_lines_go_on_over_restarts_until_the_plugin_is_there_no_more() -> None:
    plugins = PrintedByPlugins()
    plugins.of(PLUGIN).add("stdout", "info", "before")
    plugins.of(PLUGIN).add("stdout", "info", "after")
    printed = plugins.of(PLUGIN)
    with printed.reader():
        batches = printed.follow(10, PATIENCE)
        assert texts(await anext(batches)) == ["before", "after"]
        plugins.forget(PLUGIN)
        assert [batch async for batch in batches if batch] == []
    assert plugins.of(PLUGIN).last(10) == []
