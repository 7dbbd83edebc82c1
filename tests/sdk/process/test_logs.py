"""The two formats of log records on stderr."""

from __future__ import annotations

import contextvars
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mattermost_plugin.process import logs
from mattermost_plugin.request_id import current


class Log:
    """A logger whose lines are kept."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(formatter)
        self.logger = logging.Logger("plugin.part")
        self.logger.addHandler(handler)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    @property
    def entry(self) -> dict[str, Any]:
        (line,) = self.lines
        entry: dict[str, Any] = json.loads(line)
        return entry


@pytest.fixture
def for_host() -> Log:
    return Log(logs.HostFormatter())


@pytest.fixture
def for_person() -> Log:
    return Log(logs.ConsoleFormatter(colour=False))


def test_a_host_reads_level_module_and_time(for_host: Log) -> None:
    for_host.logger.warning("all %d\nof it é", 2)
    entry = for_host.entry
    assert (entry["@level"], entry["@message"], entry["@module"]) == ("warn", "all 2\nof it é", "plugin.part")
    assert entry["@timestamp"][10] == "T"
    assert entry["@timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("level", "name"), [(5, "trace"), (10, "debug"), (20, "info"), (25, "info"), (40, "error"), (50, "error")]
)
def test_every_level_has_a_name_that_hclog_knows(level: int, name: str) -> None:
    assert logs.hclog_level(level) == name


def test_a_traceback_stays_in_its_record(for_host: Log) -> None:
    try:
        raise LookupError("two\nlines")
    except LookupError:
        for_host.logger.exception("failed")
    assert "Traceback" in for_host.entry["traceback"]
    assert "LookupError: two\nlines" in for_host.entry["traceback"]


def test_extra_fields_are_fields(for_host: Log) -> None:
    extra = {"count": 3, "ratio": float("nan"), "who": object, "@level": "trick", "none": None}
    for_host.logger.error("x", extra=extra)
    entry = for_host.entry
    assert (entry["count"], entry["ratio"], entry["none"]) == (3, "nan", None)
    assert entry["who"] == "<class 'object'>"
    assert (entry["@level"], entry["@level_"]) == ("error", "trick")


def test_what_is_said_while_a_request_is_served_has_its_id(for_host: Log, for_person: Log) -> None:
    def serve() -> None:
        current.set("r-1")
        for_host.logger.info("served")
        for_person.logger.info("served")

    contextvars.copy_context().run(serve)
    assert for_host.entry["request_id"] == "r-1"
    assert for_person.lines[0].endswith(" plugin.part: served request_id='r-1'")


def test_no_record_is_longer_than_a_hosts_buffer(for_host: Log) -> None:
    for_host.logger.info("😀" * 100_000, extra={f"field{i}": "é" * 10_000 for i in range(100)})
    assert len(for_host.lines[0]) < 64 * 1024
    assert "more characters" in for_host.entry["@message"]


def test_of_a_long_traceback_the_end_is_kept(for_host: Log) -> None:
    try:
        raise LookupError("x" * 100_000 + "the end")
    except LookupError:
        for_host.logger.exception("failed")
    assert for_host.entry["traceback"].endswith("the end")


def test_a_person_reads_lines(for_person: Log) -> None:
    try:
        raise LookupError("nothing there")
    except LookupError:
        for_person.logger.exception("failed", extra={"count": 3})
    assert for_person.lines[0].endswith("ERROR    plugin.part: failed count=3")
    assert for_person.lines[-1] == "LookupError: nothing there"


def test_colour_is_only_for_the_level() -> None:
    log = Log(logs.ConsoleFormatter(colour=True))
    log.logger.error("red")
    assert "\033[31mERROR   \033[0m plugin.part: red" in log.lines[0]


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = before
    root.setLevel(level)
    for name in logs.OWN:
        own = logging.getLogger(name)
        own.handlers.clear()
        own.setLevel(logging.NOTSET)
        own.propagate = True


def test_what_the_plugin_configured_for_stderr_is_replaced_and_nothing_else(root_logger: logging.Logger) -> None:
    console, file = logging.StreamHandler(sys.stderr), logging.StreamHandler(io.StringIO())
    root_logger.handlers[:] = [console, file]
    logs.configure("INFO")
    logs.configure("DEBUG")
    assert console not in root_logger.handlers
    assert len(root_logger.handlers) == 2
    assert file in root_logger.handlers
    assert root_logger.level == logging.DEBUG


def test_heads_of_requests_are_in_no_log_at_any_level(root_logger: logging.Logger) -> None:
    logs.configure("DEBUG")
    assert not logging.getLogger("hpack.hpack").isEnabledFor(logging.DEBUG)
