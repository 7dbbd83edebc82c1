"""The gateway's logs: one line for each event on standard error, for people or as JSON.

The gateway's own loggers (structlog) write straight to the stream, for speed; everything that logs through the standard
library (uvicorn, asyncio, warnings, the SDK's wire side) passes the same processors and renderer. What a line says may
come from a plugin or a client, so control characters never reach a terminal unescaped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from mattermost_plugin.request_id import current
from servehttp.errors import ResponseTruncated
from servehttp.printed_lines import is_printed, printed_line
from servehttp.recent_records import RecentRecords
from servehttp.request_lines import ACCESS_LOGGER, request_line
from servehttp.settings.kinds import LogFormat
from servehttp.settings.server import LogSettings

OWN_LOGGERS = ("servehttp", "mattermost_plugin")
"""Standard library loggers that follow the configured level; others begin at WARNING unless it is DEBUG."""

TALKATIVE = ("aiosqlite", "grpc", "hpack", "uvicorn", "uvicorn.error", "websockets")
"""Loggers that begin at WARNING even then: they tell statements with their values, heads with their cookies, targets
with their tokens, and messages."""

DELIBERATE = (ResponseTruncated, asyncio.CancelledError)
"""What ends an exchange on purpose, through the HTTP server or by it when its time to drain is over; no faults, so
records that trace them are dropped."""

RECENT = RecentRecords()
"""What was logged last in this process."""

IGNORED_CHARACTERS = 200
"""Of each part of a record about an exception that Python ignores."""

_KEPT_IN_TRACES = "\n\t"
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROLS |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_CONTROLS_IN_TRACES = {code: text for code, text in _CONTROLS.items() if chr(code) not in _KEPT_IN_TRACES}


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Set up all logging of this process.

    Args:
        settings: level and format.
        stream: where lines go; standard error by default.
    """
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    before, render = _processors(resolve_format(settings.format, stream), stream)
    structlog.configure(
        processors=[*before, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda name="": _Lines(stream, name),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*before, _strip_event],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        use_get_message=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(_is_wanted)
    _route_standard_library(handler, level)
    if sys.unraisablehook is sys.__unraisablehook__:  # which a test's runner may have replaced
        sys.unraisablehook = _log_ignored


def resolve_format(wanted: LogFormat, stream: TextIO) -> LogFormat:
    """The format to use: "auto" means console on a terminal, else JSON."""
    if wanted != "auto":
        return wanted
    return "console" if stream.isatty() else "json"


def use_colours(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour what is written there: only on a terminal that can, and not with NO_COLOR set."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def of_replica(number: int | None) -> dict[str, int]:
    """The field by which a record or report tells which of a plugin's replicas it is about; none for the only one."""
    return {} if number is None else {"replica": number}


def of_request() -> dict[str, str]:
    """The field by which a record tells for which request something was done; none where it was for none."""
    return {"request_id": request_id} if (request_id := current.get()) else {}


def escape_controls(text: str) -> str:
    """A text on one line and without control characters, each replaced by its escape."""
    return text.translate(_CONTROLS)


class _Lines:
    """Where structlog's loggers put their finished lines; a broken stream loses lines and never breaks the caller."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = log = msg


def _processors(form: LogFormat, stream: TextIO) -> tuple[list[Processor], list[Processor]]:
    """What every record passes first, and what makes a line of it."""
    before: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _add_name]
    if form == "json":
        before.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
        return before, [structlog.processors.format_exc_info, _remember, structlog.processors.JSONRenderer()]
    before.append(structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False))
    return before, [structlog.processors.format_exc_info, _remember, _escape_event, _console_renderer(stream)]


def _console_renderer(stream: TextIO) -> Processor:
    colours, is_terminal = use_colours(stream), stream.isatty()
    all_else = structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )

    def render(logger: WrappedLogger, name: str, event: EventDict) -> str:
        if is_terminal and event.get("logger") == ACCESS_LOGGER:
            return request_line(event, colours=colours)
        if is_terminal and is_printed(event):
            return printed_line(event, colours=colours)
        return all_else(logger, name, event)

    return render


def _add_name(logger: WrappedLogger, _: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if name := record.name if record is not None else getattr(logger, "name", ""):
        event["logger"] = name
    return event


def _remember(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    RECENT.add(event)
    return event


def _strip_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {**event, "event": str(event["event"]).strip()}


def _escape_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key.translate(_CONTROLS): _escape(key, value) for key, value in event.items()}


def _escape(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.translate(_CONTROLS_IN_TRACES if key in ("exception", "stack") else _CONTROLS)


def _log_ignored(ignored: sys.UnraisableHookArgs) -> None:
    """An exception that Python can raise nowhere, such as one in `__del__`."""
    where = repr(ignored.object)[:IGNORED_CHARACTERS]
    error = f"{type(ignored.exc_value).__name__}: {ignored.exc_value}"[:IGNORED_CHARACTERS]
    logging.getLogger(OWN_LOGGERS[0]).warning("an exception was ignored in %s: %s", where, error)


def _is_wanted(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], DELIBERATE))


def _route_standard_library(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
