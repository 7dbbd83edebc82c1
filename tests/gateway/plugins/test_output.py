from __future__ import annotations

import json
import logging
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from servehttp.plugins.output import CUT_MARK, LineSplitter, OutputLimits, PluginOutput, Stream, parse_line
from support.supervision import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def records() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as captured:
        yield captured


def output(**limits: int) -> PluginOutput:
    return PluginOutput("com.example.test", OutputLimits(**limits))


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ("[WARN] disk is full", logging.WARNING, "disk is full"),
        ("[error] no", logging.ERROR, "no"),
        ("2026-11-22 10:00:00,123 [INFO] app: ready", logging.INFO, "app: ready"),
        ("[1/3] building", logging.INFO, "[1/3] building"),
        ("said [ERROR] in passing", logging.INFO, "said [ERROR] in passing"),
        ('{"@level":"debug","@message":"m","@module":"x"}', logging.DEBUG, "m"),
        ('{"@level":"trace","@message":"m"}', logging.DEBUG, "m"),
        ('{"@level":"strange","@message":"m"}', logging.INFO, "m"),
        ('{"message":"not hclog"}', logging.INFO, '{"message":"not hclog"}'),
        ('{"@message":', logging.INFO, '{"@message":'),
        ("plain", logging.INFO, "plain"),
        ("\x1b[31mred\x1b[0m\x07 \u202etxt", logging.INFO, "\\x1b[31mred\\x1b[0m\\x07 \\u202etxt"),
        ('{"@message":"two\\nlines \\ud800"}', logging.INFO, "two\\x0alines \\ud800"),
    ],
)
def test_a_line_says_its_level(line: str, level: int, message: str) -> None:
    record = parse_line(line)
    assert (record.level, record.message) == (level, message)


def test_the_fields_of_a_record_stay_fields_and_cannot_pose_as_the_gateways_own() -> None:
    line = {"@message": "m", "@module": "app", "n": 3, "deep": {"a": "\x1b"}, "event": "e", "exc_info": True, "_x": 1}
    assert parse_line(json.dumps(line)).fields == {
        "module": "app",
        "n": 3,
        "deep": '{"a": "\\u001b"}',
        "event_": "e",
        "exc_info_": True,
        "_x_": 1,
    }


def test_a_traceback_in_a_record_stays_readable() -> None:
    fields = parse_line('{"@message":"m","traceback":"Traceback:\\n  File\\u001b\\nE: x"}').fields
    assert fields == {"exception": "Traceback:\n  File\\x1b\nE: x"}


async def test_lines_are_logged_under_the_plugins_name(records: list[Any]) -> None:
    out = output()
    out.feed(Stream.STDERR, b"[ERROR] one\ntw")
    out.feed(Stream.STDERR, b"o\r\n\nlast")
    out.close()
    assert [(r["log_level"], r["event"], r["plugin"], r["stream"]) for r in records] == [
        ("error", "one", "com.example.test", "stderr"),
        ("info", "two", "com.example.test", "stderr"),
        ("info", "last", "com.example.test", "stderr"),
    ]


async def test_a_traceback_on_stderr_is_one_record(records: list[Any]) -> None:
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    boom()\nValueError: no\n'
    out = output()
    out.feed(Stream.STDERR, b"before\n" + trace.encode() + b"after\n")
    out.close()
    assert [r["event"] for r in records] == ["before", "ValueError: no", "after"]
    assert records[1]["log_level"] == "error"
    assert records[1]["exception"] == trace.rstrip("\n")


async def test_a_traceback_that_breaks_off_is_logged_all_the_same(records: list[Any]) -> None:
    out = output()
    out.feed(Stream.STDERR, b'Traceback (most recent call last):\n  File "x.py"\n')
    out.close()
    assert [r["exception"] for r in records] == ['Traceback (most recent call last):\n  File "x.py"']


async def test_a_long_line_is_cut_and_marked(records: list[Any]) -> None:
    out = output(line_bytes=10)
    out.feed(Stream.STDOUT, b"0123456789abc")
    out.feed(Stream.STDOUT, b"def\nnext\n")
    out.close()
    assert [r["event"] for r in records] == ["0123456789 [line cut]", "next"]


async def test_a_long_record_in_json_is_not_cut(records: list[Any]) -> None:
    out = output(line_bytes=10)
    out.feed(Stream.STDERR, json.dumps({"@message": "m" * 1000}).encode() + b"\n")
    out.close()
    assert [r["event"] for r in records] == ["m" * 1000]


async def test_a_stream_without_newlines_takes_no_memory(records: list[Any]) -> None:
    out = output()
    block = b"x" * 65536
    tracemalloc.start()
    try:
        for _ in range(320):
            out.feed(Stream.STDERR, block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    out.close()
    assert peak < 1024 * 1024
    assert len(records) == 1


async def test_lines_above_the_rate_are_counted_and_not_logged(records: list[Any]) -> None:
    out = output(lines_per_second=10)
    for _ in range(5):
        out.feed(Stream.STDERR, b"line\n" * 100)
    out.close()
    assert [r["event"] for r in records[:10]] == ["line"] * 10
    assert [(r["event"], r["dropped"]) for r in records[10:]] == [("plugin writes too much, lines were dropped", 490)]


async def test_the_next_second_brings_new_lines(records: list[Any]) -> None:
    out = output(lines_per_second=1)
    out.feed(Stream.STDERR, b"one\ntwo\n")
    out.feed(Stream.STDERR, b"three\nfo")
    await until(lambda: len(records) >= 2)
    out.feed(Stream.STDERR, b"ur\nfive\n")
    out.close()
    assert [r["event"] for r in records] == ["one", "plugin writes too much, lines were dropped", "five"]
    assert records[1]["dropped"] == 2


async def test_the_last_lines_are_kept_whatever_the_rate(records: list[Any]) -> None:
    out = output(lines_per_second=1, tail_lines=3)
    out.feed(Stream.STDERR, b"".join(b"line %d\n" % n for n in range(10_000)))
    out.feed(Stream.STDERR, b'\n{"@level":"error","@message":"the end"}\n')
    assert out.last_lines(Stream.STDERR) == ["line 9998", "line 9999", "the end"]
    assert out.last_lines(Stream.STDOUT) == []
    out.close()


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.data())
def test_lines_are_the_same_however_they_arrive(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(limit=10)
    seen = []
    while whole:
        size = data.draw(st.integers(min_value=1, max_value=len(whole)))
        seen += splitter.feed(whole[:size])
        whole = whole[size:]
    expected = [line if len(line) <= 10 or line.startswith(b"{") else line[:10] + CUT_MARK for line in lines]
    assert seen == expected
