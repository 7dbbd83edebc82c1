"""Log lines, whoever writes them, leave by one way: readable or JSON, and harmless to a terminal."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from servehttp import logs
from servehttp.errors import ResponseTruncated
from servehttp.settings.server import LogSettings


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in (*logs.OWN_LOGGERS, *logs.TALKATIVE):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def configured(stream: io.StringIO, **settings: Any) -> io.StringIO:
    logs.configure(LogSettings(**settings), stream)
    return stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_one_object_a_line_with_level_time_and_logger() -> None:
    stream = configured(io.StringIO(), format="json")
    structlog.get_logger("servehttp.x").info("plugin started", plugin="com.a", text="two\nlines\x1b")
    logging.getLogger("mattermost_plugin.y").info("read %d", 3)
    own, foreign = records(stream)
    assert own.pop("timestamp").endswith("Z")
    assert own == {
        "event": "plugin started", "level": "info", "logger": "servehttp.x", "plugin": "com.a", "text": "two\nlines\x1b"
    }  # fmt: skip
    assert (foreign["event"], foreign["level"], foreign["logger"]) == ("read 3", "info", "mattermost_plugin.y")


def test_what_python_ignores_is_one_line_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        def __del__(self) -> None:
            raise ValueError("no\nluck")

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    stream = configured(io.StringIO(), format="json")
    Odd()
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"].endswith("ValueError: no\nluck")


def test_the_console_shows_no_raw_control_character() -> None:
    stream = configured(io.StringIO(), format="console")
    structlog.get_logger("servehttp.x").info("a\x1b[2J\nb", path="/x\r\ny", parts=["\x1b"], csi="\x9b2J")
    logging.getLogger("uvicorn.error").error("bad \x1b]0;title\x07 %s", "\x00")
    text = stream.getvalue()
    assert len(text.splitlines()) == 2
    assert [character for character in text if ord(character) < 32 and character != "\n"] == []
    assert "\x9b" not in text
    assert r"a\x1b[2J\nb" in text
    assert r"path=/x\r\ny" in text


def test_a_trace_keeps_its_lines_and_loses_its_controls() -> None:
    stream = configured(io.StringIO(), format="console")
    try:
        raise ValueError("red \x1b[31m")
    except ValueError:
        structlog.get_logger("servehttp.x").exception("failed")
    assert "Traceback (most recent call last):\n" in stream.getvalue()
    assert r"ValueError: red \x1b[31m" in stream.getvalue()


def test_the_level_holds_for_our_loggers_and_others_begin_at_warning() -> None:
    stream = configured(io.StringIO(), format="json", level="info")
    for name in ("mattermost_plugin.x", "uvicorn.error", "asyncio"):
        logging.getLogger(name).debug("debug")
        logging.getLogger(name).info("info")
        logging.getLogger(name).warning("warning")
    structlog.get_logger("servehttp.x").debug("debug")
    assert [(record["logger"], record["event"]) for record in records(stream)] == [
        ("mattermost_plugin.x", "info"),
        ("mattermost_plugin.x", "warning"),
        ("uvicorn.error", "warning"),
        ("asyncio", "warning"),
    ]


def test_at_level_debug_everything_is_logged() -> None:
    stream = configured(io.StringIO(), format="json", level="debug")
    logging.getLogger("asyncio").debug("a")
    structlog.get_logger("servehttp.x").debug("b")
    assert [record["event"] for record in records(stream)] == ["a", "b"]


@pytest.mark.parametrize("name", ["aiosqlite", "hpack.hpack", "uvicorn.error", "websockets.server"])
def test_what_libraries_say_with_statements_heads_and_messages_in_it_is_never_logged(name: str) -> None:
    stream = configured(io.StringIO(), format="json", level="debug")
    logging.getLogger(name).debug("< cookie: MMAUTHTOKEN=secret")
    logging.getLogger(name).info("/socket?access_token=secret")
    logging.getLogger(name).warning("out of files")
    assert [record["event"] for record in records(stream)] == ["out of files"]


def test_a_response_broken_on_purpose_is_not_traced_and_other_failures_are() -> None:
    stream = configured(io.StringIO(), format="json")
    for error in (ResponseTruncated("plugin lost"), asyncio.CancelledError(), RuntimeError("bug")):
        try:
            raise error
        except BaseException as caught:  # what the server logs after an application raised it
            logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=caught)
    (record,) = records(stream)
    assert record["event"] == "Exception in ASGI application"
    assert "RuntimeError: bug" in record["exception"]


def test_warnings_are_logged() -> None:
    stream = configured(io.StringIO(), format="json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", stacklevel=1)
        logging.captureWarnings(False)
    (record,) = records(stream)
    assert "UserWarning: old" in record["event"]


def test_configuring_again_replaces_what_was_before() -> None:
    first, second = configured(io.StringIO(), format="json"), configured(io.StringIO(), format="json")
    logging.getLogger("x").error("once")
    structlog.get_logger("servehttp.x").error("once")
    assert (first.getvalue(), len(records(second))) == ("", 2)


def test_a_broken_stream_does_not_break_who_logs() -> None:
    stream = configured(io.StringIO(), format="json")
    stream.close()
    structlog.get_logger("servehttp.x").error("lost")


def test_auto_is_console_on_a_terminal_and_json_elsewhere() -> None:
    assert logs.resolve_format("auto", Terminal()) == "console"
    assert logs.resolve_format("auto", io.StringIO()) == "json"
    assert logs.resolve_format("json", Terminal()) == "json"


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert logs.use_colours(Terminal(), {})
    assert not logs.use_colours(io.StringIO(), {})
    assert not logs.use_colours(Terminal(), {"NO_COLOR": "1"})
    assert not logs.use_colours(Terminal(), {"TERM": "dumb"})
    monkeypatch.setenv("NO_COLOR", "1")
    stream = configured(Terminal(), format="console")
    structlog.get_logger("servehttp.x").info("plain")
    assert "\x1b" not in stream.getvalue()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    stream = configured(Terminal(), format="console")
    structlog.get_logger("servehttp.x").info("colour")
    assert "\x1b[" in stream.getvalue()


ANSWERED = {"status": 200, "plugin": "com.a", "duration_ms": 1.25, "client": "127.0.0.1", "request_id": "r1"}


def request_on(stream: io.StringIO, path: str = "/plugins/com.a/", **fields: Any) -> str:
    configured(stream, format="console")
    structlog.get_logger("servehttp.access").info(f"GET {path}", **{**ANSWERED, **fields})
    return stream.getvalue()


@pytest.fixture
def colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that can show colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("status", "colour"), [(101, 36), (200, 32), (304, 36), (404, 33), (500, 31), (0, 31), (999, 31)]
)
@pytest.mark.usefixtures("colourful")
def test_a_terminal_shows_what_became_of_a_request_in_colour(status: int, colour: int) -> None:
    line = request_on(Terminal(), status=status)
    assert f"\x1b[{colour}m{status}\x1b[0m 1.25 ms" in line
    assert "GET /plugins/com.a/" in line
    assert "request_id" not in line


@pytest.mark.usefixtures("colourful")
def test_a_request_of_whatever_path_does_not_control_the_terminal() -> None:
    assert r"/\x1b[2J" in request_on(Terminal(), path="/\x1b[2J")


def test_without_colour_it_is_plain_and_what_went_wrong_is_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    line = request_on(Terminal(), problem="the client went away")
    assert line.partition(" ")[2] == "GET /plugins/com.a/ 200 1.25 ms com.a the client went away\n"


def test_elsewhere_it_has_all_of_its_fields() -> None:
    line = request_on(io.StringIO())
    assert "status=200" in line
    assert "request_id=r1" in line


def printed_on(stream: io.StringIO, text: str, **fields: Any) -> str:
    configured(stream, format="console")
    structlog.get_logger("servehttp.plugin").info(text, **{"plugin": "com.a", "stream": "stderr", **fields})
    return stream.getvalue()


def test_a_terminal_shows_what_a_plugin_prints_and_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for module in ({}, {"module": "stdout"}):
        assert re.fullmatch(r"\d\d:\d\d:\d\d com\.a \|   indented\n", printed_on(Terminal(), "  indented", **module))


@pytest.mark.usefixtures("colourful")
def test_a_terminal_shows_what_a_plugin_prints_without_control_characters() -> None:
    assert "\x1b[31m" not in printed_on(Terminal(), "\x1b[31mred")


@pytest.mark.parametrize("fields", [{"module": "shop.orders"}, {"replica": 2}, {"order": 7}])
def test_a_terminal_shows_all_of_what_a_plugin_has_logged(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    [(name, value)] = fields.items()
    assert f"{name}={value}" in printed_on(Terminal(), "said", **fields)
