"""A request as a person at a terminal sees it go by: what was asked, and what came of it. Other logs have all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ACCESS_LOGGER = "servehttp.access"
"""The logger of lines about requests."""

RESET, DIM, BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
RED, GREEN, YELLOW, CYAN = (f"\x1b[{number}m" for number in (31, 32, 33, 36))
COLOURS = {1: CYAN, 2: GREEN, 3: CYAN, 4: YELLOW}
"""Of statuses, by their first digit; red are the others, and 0, with which nothing was answered."""


def request_line(record: Mapping[str, Any], *, colours: bool) -> str:
    """The line about a request.

    Args:
        record: of the access log, and harmless to a terminal.
        colours: whether it is in colour.
    """
    parts = (
        (DIM, record["timestamp"]),
        (BOLD, record["event"]),
        (COLOURS.get(record["status"] // 100, RED), str(record["status"])),
        ("", f"{record['duration_ms']:g} ms"),
        (DIM, record["plugin"]),
        (RED, record.get("problem", "")),
    )
    return " ".join(f"{style}{text}{RESET}" if colours and style else text for style, text in parts if text)
