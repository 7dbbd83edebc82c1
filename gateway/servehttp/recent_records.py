"""The last records of the gateway's log, and those that follow, for whoever reads them beside where they are written.

Lines about requests are kept apart, and none of them as what follows: they would leave no room for anything else.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from servehttp.request_lines import ACCESS_LOGGER
from servehttp.tail import READERS, Tail

RECORDS = 2000
CHARACTERS = 1024 * 1024
"""Of all kept records together."""
RECORD_CHARACTERS = 8 * 1024
"""Of one record's text, of its traceback, and of each field's name and value."""
FIELDS = 50
"""Of one record."""
REQUESTS = 2000
CUT_MARK = "… [cut]"
LEVELS = ("debug", "info", "warning", "error", "critical")

STREAMS = ("stdout", "stderr")
"""Where a plugin has printed something, which says no more than that it has."""

_OWN = frozenset({"event", "level", "logger", "plugin", "request_id", "exception", "timestamp", "_record"})


@dataclass(frozen=True)
class LogRecord:
    """One record.

    Attributes:
        number: counts all since this process began, from 0.
        time: when it came, in milliseconds since 1970.
        level: one of `LEVELS`.
        logger: what has logged it.
        plugin: the id of the plugin that it is of, or about; empty if none is.
        request_id: that of the request that it is about; empty if none is.
        text: what was logged.
        fields: everything else that it says, as texts.
        exception: the traceback, if there is one.
    """

    number: int
    time: int
    level: str
    logger: str
    plugin: str
    request_id: str
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    exception: str = ""


class RecentRecords(Tail[LogRecord]):
    """The records of one process.

    Args:
        records: how many are kept.
        characters: how many they may have together.
        readers: how many may follow at a time.
    """

    def __init__(self, records: int = RECORDS, characters: int = CHARACTERS, readers: int = READERS) -> None:
        super().__init__(records, characters, readers, "the log")
        self._requests: deque[Mapping[str, Any]] = deque(maxlen=REQUESTS)
        self._lock = threading.Lock()  # numbers are given by whoever logs, in any thread

    def add(self, event: Mapping[str, Any]) -> None:
        """Have one more, as structlog has it."""
        if event.get("logger") == ACCESS_LOGGER:
            self._requests.append(event)
            return
        shown = {name: value for name, value in event.items() if name not in _OWN and value not in STREAMS}
        fields = {_cut(str(name)): _cut(str(value)) for name, value in itertools.islice(shown.items(), FIELDS)}
        if len(shown) > FIELDS:
            fields[CUT_MARK] = f"{len(shown) - FIELDS} more"
        request_id = _cut(str(event.get("request_id") or ""))
        text, exception = _cut(str(event.get("event", ""))), _cut(str(event.get("exception") or ""))
        size = len(text) + len(exception) + len(request_id) + sum(map(len, itertools.chain(*fields.items())))
        with self._lock:
            record = LogRecord(
                number=self._next,
                time=int(time.time() * 1000),
                level=str(event.get("level", "info")),
                logger=str(event.get("logger", "")),
                plugin=str(event.get("plugin") or ""),
                request_id=request_id,
                text=text,
                fields=fields,
                exception=exception,
            )
            self._keep(record, size)

    def request(self, request_id: str) -> Mapping[str, Any] | None:
        """The line about the request with this id, if it is one of the last."""
        return next((line for line in reversed(tuple(self._requests)) if line.get("request_id") == request_id), None)

    def about(self, request_id: str) -> list[LogRecord]:
        """Those that are about a request, oldest first."""
        return [record for record in self.last(RECORDS) if record.request_id == request_id]


def is_wanted(record: LogRecord, plugin: str, level: str) -> bool:
    """Whether a record is of a plugin, or of any if that is empty, and of a level or a higher one."""
    return (not plugin or record.plugin == plugin) and _rank(record.level) >= _rank(level)


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def _cut(text: str) -> str:
    text = text.encode(errors="backslashreplace").decode()  # half a character, as of a file's name, is none to tell
    return text if len(text) <= RECORD_CHARACTERS else text[:RECORD_CHARACTERS] + CUT_MARK
