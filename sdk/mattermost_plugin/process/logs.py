"""Log records on stderr, in the format that whoever started the process reads.

A host gets one JSON object per record, as hclog writes it, which a go-plugin host takes apart again: the level
survives, a traceback stays inside its record, and `extra` fields are fields. A person gets lines to read.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TextIO

from mattermost_plugin.loggers import get_logger
from mattermost_plugin.process import stdio
from mattermost_plugin.request_id import current

MAX_LINE = 60 * 1024
"""Characters, all ASCII. A go-plugin host's buffer holds 64 KiB; what is longer arrives in pieces without a level."""
MAX_TRACEBACK = 32 * 1024
MAX_MESSAGE = 16 * 1024
MAX_FIELD = 4 * 1024
MAX_FIELDS = 32
MAX_KEY = 64

OWN = ("mattermost_plugin", "stdout")
"""Above the SDK's own loggers."""

TALKATIVE = ("grpc", "hpack")
"""Loggers that say at DEBUG what only their own authors want to know, heads of requests with their tokens among it."""

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

COLOURS = {logging.DEBUG: "2", logging.INFO: "32", logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31;1"}


def configure(level: str) -> None:
    """Let what is logged leave on stderr.

    The SDK's own loggers, and what the plugin prints, have a handler of their own: a plugin that configures logging
    anew takes those of the root logger away. Handlers of the root logger that already write to stderr or stdout, as
    `logging.basicConfig` adds them, are replaced: they would say everything twice.
    """
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, logging.StreamHandler) and old.stream in (sys.stderr, sys.stdout):
            root.removeHandler(old)
    handler = _handler()
    handler.addFilter(_is_the_plugins)
    root.addHandler(handler)
    for name in OWN:
        get_logger(name).handlers[:] = [_handler()]
    set_level(level)
    stdio.printed.propagate = False  # a handler of the plugin's that writes to stdout would print it, again and again
    logging.captureWarnings(True)  # so that one of a coroutine that nobody awaited has its line, time and request


def set_level(level: str) -> None:
    """Log from this level on, as the `logging` module names it."""
    root = logging.getLogger()
    for logger in (root, *map(get_logger, OWN)):
        logger.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))


class LineHandler(logging.StreamHandler[TextIO]):
    """Lets each record begin a line, whatever was printed before it."""

    def emit(self, record: logging.LogRecord) -> None:
        if not isinstance(self.stream, stdio.LineOutput):
            super().emit(record)
            return
        try:
            self.stream.write_line(self.format(record))
        except Exception:  # as every handler does: what cannot be logged ends nothing
            self.handleError(record)


def _handler() -> logging.Handler:
    handler = LineHandler(sys.stderr)
    handler.setFormatter(HostFormatter() if stdio.started_by_host() else ConsoleFormatter(_colour_wanted()))
    return handler


def _is_the_plugins(record: logging.LogRecord) -> bool:
    """Whether a record is not of a logger that has a handler itself."""
    return record.name.partition(".")[0] not in OWN


class HostFormatter(logging.Formatter):
    """One record as one line of hclog's JSON."""

    def format(self, record: logging.LogRecord) -> str:
        for divisor in (1, 8, 64):
            line = self._line(record, divisor)
            if len(line) <= MAX_LINE:
                break
        return line

    def _line(self, record: logging.LogRecord, divisor: int) -> str:
        """The line with its parts cut at their limits; escaping and many fields may call for a `divisor` of those."""
        entry = {
            _key(key): _field(value, MAX_FIELD // divisor) for key, value in islice(extra(record).items(), MAX_FIELDS)
        }
        trace = _trace(self, record)
        if trace:
            entry["traceback"] = _tail(trace, MAX_TRACEBACK // divisor)
        entry["@level"] = hclog_level(record.levelno)
        entry["@message"] = _head(record.getMessage(), MAX_MESSAGE // divisor)
        entry["@module"] = record.name
        entry["@timestamp"] = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return json.dumps(entry)


class ConsoleFormatter(logging.Formatter):
    """One record as a line to read, followed by its traceback."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname:<8}"
        if self._colour:
            level = f"\033[{COLOURS.get(record.levelno, '0')}m{level}\033[0m"
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = "".join(f" {key}={value!r}" for key, value in extra(record).items())
        line = f"{clock} {level} {record.name}: {record.getMessage()}{fields}"
        trace = _trace(self, record)
        return f"{line}\n{trace}" if trace else line


def extra(record: logging.LogRecord) -> Mapping[str, object]:
    """The fields that the record's author passed as `extra`, and the id of the request that is served."""
    fields = {key: value for key, value in vars(record).items() if key not in STANDARD_FIELDS}
    return {"request_id": request_id} | fields if (request_id := current.get()) else fields


def hclog_level(levelno: int) -> str:
    """hclog's name for a level of the `logging` module."""
    names = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"), (logging.DEBUG, "debug"))
    return next((name for least, name in names if levelno >= least), "trace")


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0]:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)


def _key(name: str) -> str:
    return _head(f"{name}_" if name.startswith("@") else name, MAX_KEY)


def _field(value: object, limit: int) -> object:
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _head(str(value), limit)


def _head(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def _tail(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"({len(text) - limit} characters before) …{text[-limit:]}"


def _colour_wanted() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
