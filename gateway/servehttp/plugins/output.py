"""What a plugin process writes to stdout and stderr, as log records under the plugin's name.

Nothing here waits, and memory is bounded: a line is cut at `line_bytes` and marked (a JSON object, which is of no use
in part, at `JSON_LINE_BYTES`), and of each stream only the last 16 KiB or so are kept for diagnosis. No more than
`lines_per_second` lines of one plugin become records; the others are counted, and the count is logged. What becomes a
record is also kept for who reads the plugin's last lines. A line of
hclog's JSON and one with a leading `[LEVEL]` say their own level; anything else is info. A Python traceback becomes one
record at error. Control characters are escaped.
"""

from __future__ import annotations

import asyncio
import enum
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from servehttp.logs import of_replica
from servehttp.plugins.printed import PrintedLines

ENCODING = "utf-8"
CUT_MARK = b" [line cut]"
TRACEBACK_HEAD = "Traceback (most recent call last):"
JSON_LINE_BYTES = 64 * 1024
"""The longest log record in JSON; a go-plugin host takes no longer one either."""
TAIL_BYTES = 16 * 1024
QUOTED_CHARACTERS = 300
"""Of each last line, where it is quoted."""
TRACEBACK_LINES = 400
"""A traceback is folded up to this many lines; Python itself shortens the repetitions of a recursion."""

LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "err": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}

TRACE_FIELDS = frozenset({"exception", "stacktrace", "traceback"})
"""What plugins call the field with a traceback; the gateway's log shows it in lines, under the first name."""

MODULE = "module"
"""The field in which hclog has what wrote a record."""

RESERVED_FIELDS = frozenset(
    {
        "event",
        "exc_info",
        "extra",
        "level",
        "log_level",
        "logger",
        "plugin",
        "positional_args",
        "replica",
        "self",
        "stack_info",
        "stacklevel",
        "stream",
        "timestamp",
    }
)
"""Names that mean something to the gateway's own log; a plugin's field of such a name gets a trailing underscore."""

# A leading level, also behind a time stamp as Python's logging writes it.
_LEVEL_PREFIX = re.compile(rf"[\d\s:.,TZ+/-]{{0,40}}\[({'|'.join(LEVELS)})\]\s*(.*)", re.IGNORECASE | re.DOTALL)
# C0 but tab, DEL and C1; line separators; characters that reverse the direction of text; lone surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


UNFILTERED = structlog.make_filtering_bound_logger(logging.NOTSET)
"""Logs whatever it is told to: which records those are is decided for each plugin."""


def every_level() -> int:
    """The level of what keeps nothing back."""
    return logging.NOTSET


class Stream(enum.StrEnum):
    """One of the two output streams of a process."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True)
class OutputLimits:
    """How much of a plugin's output is kept and logged."""

    line_bytes: int = 8 * 1024
    """Longer lines are cut."""
    lines_per_second: int = 500
    tail_lines: int = 20
    """So many last lines explain why a plugin ended."""


@dataclass(frozen=True)
class Record:
    """One log record as the plugin meant it."""

    level: int
    message: str
    fields: dict[str, object] = field(default_factory=dict)

    @property
    def printed_on(self) -> Stream | None:
        """The stream that a plugin of the SDK prints on: that sends each line of it as a record."""
        module = self.fields.get(MODULE)
        return Stream(str(module)) if module in tuple(Stream) else None

    def as_text(self) -> str:
        """As one reads it: the message, its fields, and below them the lines of a traceback."""
        fields = {name: value for name, value in self.fields.items() if name != MODULE or self.printed_on is None}
        trace = fields.pop("exception", None)
        line = " ".join([self.message, *(f"{name}={value}" for name, value in fields.items())])
        return line if trace is None else f"{line}\n{trace}"


def escape(text: str) -> str:
    """Make text harmless for a terminal and a line-based log."""
    return _UNSAFE.sub(_escaped, text)


def parse_line(line: str) -> Record:
    """Read one line of output, without its newline."""
    if line.startswith("{") and (record := _parse_hclog(line)):
        return record
    if match := _LEVEL_PREFIX.fullmatch(line):
        return Record(LEVELS[match[1].lower()], escape(match[2]))
    return Record(logging.INFO, escape(line))


class LineSplitter:
    """Cuts a stream of bytes into lines, in bounded memory."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete with this data, without their newlines. One beyond the limit counts at once."""
        first, *rest = data.split(b"\n")
        lines = []
        for piece in rest:
            if (line := self._add(first)) is not None:
                lines.append(line)
            if not self._skipping:
                lines.append(bytes(self._pending))
            self._pending.clear()
            self._skipping = False
            first = piece
        if (line := self._add(first)) is not None:
            lines.append(line)
        return lines

    def skip(self, data: bytes) -> int:
        """Pass over data unread.

        Returns:
            How many lines ended in it.
        """
        self._pending.clear()
        self._skipping = not data.endswith(b"\n")
        return data.count(b"\n")

    def end(self) -> bytes:
        """What is left of a last line without a newline."""
        rest = bytes(self._pending)
        self._pending.clear()
        return rest

    def _add(self, piece: bytes) -> bytes | None:
        if self._skipping:
            return None
        self._pending += piece[: max(self._limit, JSON_LINE_BYTES) + 1]
        limit = max(self._limit, JSON_LINE_BYTES) if self._pending.startswith(b"{") else self._limit
        if len(self._pending) <= limit:
            return None
        head = bytes(self._pending[: self._limit])
        self._pending.clear()
        self._skipping = True
        return head + CUT_MARK


class PluginOutput:
    """The output of one plugin process; fed by whoever reads its pipes, inside a running event loop.

    Args:
        plugin_id: whose it is, as its records tell.
        limits: how much of it is kept and logged.
        replica: the number of the plugin's replica, which they tell as well; None for the only one.
        printed: keeps the lines for who reads them; None where nobody does.
        level: from which level on a record is logged, as it is now; it may be lower than the gateway's own.
    """

    def __init__(
        self,
        plugin_id: str,
        limits: OutputLimits,
        replica: int | None = None,
        printed: PrintedLines | None = None,
        level: Callable[[], int] = every_level,
    ) -> None:
        self._log = structlog.wrap_logger(
            None, wrapper_class=UNFILTERED, logger_factory_args=("servehttp.plugin",)
        ).bind(plugin=plugin_id, **of_replica(replica))
        self._limits = limits
        self._replica = replica
        self._printed = printed
        self._level = level
        self._sources = {stream: _Source(stream, limits.line_bytes) for stream in Stream}
        self._lines_this_second = 0
        self._second: asyncio.TimerHandle | None = None

    def feed(self, stream: Stream, data: bytes) -> None:
        """Take what a stream brought."""
        source = self._sources[stream]
        source.remember(data)
        room = self._limits.lines_per_second - self._lines_this_second
        if room <= 0:
            self._count(source.splitter.skip(data))
            return
        lines = source.splitter.feed(data)
        self._count(len(lines))
        for line in lines[:room]:
            self._take(source, line)

    def end(self, stream: Stream) -> None:
        """The stream is at its end."""
        source = self._sources[stream]
        if rest := source.splitter.end():
            self._take(source, rest)
        self._emit_traceback(source)

    def close(self) -> None:
        """No more output comes."""
        for stream in Stream:
            self.end(stream)
        if self._second:
            self._second.cancel()
            self._next_second()

    def last_lines(self, stream: Stream) -> list[str]:
        """The last lines of a stream that are not blank, escaped and cut; of log records only the message."""
        lines = self._sources[stream].tail.decode(ENCODING, "replace").split("\n")
        messages = (parse_line(line).message.strip() for line in lines if not line.isspace())
        return [_shorten(message) for message in messages if message][-self._limits.tail_lines :]

    def _count(self, lines: int) -> None:
        if lines and self._second is None:
            self._second = asyncio.get_running_loop().call_later(1.0, self._next_second)
        self._lines_this_second += lines

    def _next_second(self) -> None:
        dropped = self._lines_this_second - self._limits.lines_per_second
        self._lines_this_second = 0
        self._second = None
        if dropped > 0:
            self._log.warning("plugin writes too much, lines were dropped", dropped=dropped)
            self._keep(Stream.STDERR, logging.WARNING, f"[{dropped} lines were dropped: it writes too much]")

    def _take(self, source: _Source, raw: bytes) -> None:
        line = raw.decode(ENCODING, "backslashreplace").rstrip("\r")
        if source.traceback:
            source.traceback.append(line)
            if not line.startswith((" ", "\t")) or len(source.traceback) >= TRACEBACK_LINES:
                self._emit_traceback(source)
        elif line == TRACEBACK_HEAD:
            source.traceback.append(line)
        elif line:
            record = parse_line(line)
            self._tell(source, record.level, record.message, record.fields)
            self._keep(record.printed_on or source.stream, record.level, record.as_text())

    def _emit_traceback(self, source: _Source) -> None:
        if not source.traceback:
            return
        lines = [escape(line) for line in source.traceback]
        source.traceback.clear()
        whole = "\n".join(lines)
        self._tell(source, logging.ERROR, lines[-1], {"exception": whole})
        self._keep(source.stream, logging.ERROR, whole)

    def _tell(self, source: _Source, level: int, message: str, fields: Mapping[str, object]) -> None:
        if level >= self._level():
            self._log.log(level, message, stream=source.stream.value, **fields)

    def _keep(self, stream: Stream, level: int, text: str) -> None:
        if self._printed is not None:
            self._printed.add(stream.value, logging.getLevelName(level).lower(), text, self._replica)


class _Source:
    """One stream's state: the line it is in, the traceback it is in, and its last bytes."""

    def __init__(self, stream: Stream, line_bytes: int) -> None:
        self.stream = stream
        self.splitter = LineSplitter(line_bytes)
        self.traceback: list[str] = []
        self.tail = bytearray()

    def remember(self, data: bytes) -> None:
        self.tail += data[-TAIL_BYTES:]
        if len(self.tail) > 2 * TAIL_BYTES:  # not at every byte, for this is a copy
            del self.tail[:-TAIL_BYTES]


def _shorten(message: str) -> str:
    return message if len(message) <= QUOTED_CHARACTERS else f"{message[:QUOTED_CHARACTERS]}…"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _parse_hclog(line: str) -> Record | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or "@message" not in values:
        return None
    message = escape(str(values.pop("@message")))
    level = LEVELS.get(str(values.pop("@level", "info")).lower(), logging.INFO)
    values.pop("@timestamp", None)
    return Record(level, message, {_field_name(name): _field_value(name, value) for name, value in values.items()})


def _field_name(name: str) -> str:
    name = escape(name).removeprefix("@") or "field"
    if name in TRACE_FIELDS:
        return "exception"
    return f"{name}_" if name in RESERVED_FIELDS or name.startswith("_") else name


def _field_value(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value if isinstance(value, int | float | None) else json.dumps(value)
    if name in TRACE_FIELDS:
        return "\n".join(escape(line) for line in value.split("\n"))
    return escape(value)
