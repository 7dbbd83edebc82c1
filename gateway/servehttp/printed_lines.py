"""A line that a plugin has printed, as it is shown on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from servehttp.request_lines import DIM, RESET

PLUGIN_LOGGER = "servehttp.plugin"
"""The logger of what plugins print."""

STREAMS = ("stdout", "stderr")
_FIELDS = {"timestamp", "level", "logger", "plugin", "stream", "module", "event"}


def is_printed(record: Mapping[str, Any]) -> bool:
    """Whether a record is of a plain line, and not of what a plugin has logged, which has more to tell."""
    return (
        record.get("logger") == PLUGIN_LOGGER
        and record.keys() <= _FIELDS
        and record.get("stream") in STREAMS
        and record.get("module", record["stream"]) in STREAMS
        and record["level"] == "info"
    )


def printed_line(record: Mapping[str, Any], *, colours: bool) -> str:
    """The line about it.

    Args:
        record: one that is printed, and harmless to a terminal.
        colours: whether it is in colour.
    """
    dim, reset = (DIM, RESET) if colours else ("", "")
    return f"{dim}{record['timestamp']} {record['plugin']} |{reset} {record['event']}"
