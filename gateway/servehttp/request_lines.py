"""The access log: a line for each request, and how a person at a terminal sees it go by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog

ACCESS_LOGGER = "servehttp.access"
"""The logger of lines about requests."""

CLIENT_GONE: Final = "the client went away"
STOPPED: Final = "the gateway stopped, and its time to drain was over"

RESET, DIM, BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
RED, GREEN, YELLOW, CYAN = (f"\x1b[{number}m" for number in (31, 32, 33, 36))
COLOURS = {1: CYAN, 2: GREEN, 3: CYAN, 4: YELLOW}
"""Of statuses, by their first digit; red are the others, and 0, with which nothing was answered."""

logger = structlog.get_logger(ACCESS_LOGGER)


def log_request(
    what: str,
    *,
    status: int,
    plugin: str,
    client: str,
    seconds: tuple[float, float],
    sizes: tuple[int, int],
    request_id: str,
    problem: str | None,
    **more: str,
) -> None:
    """Write the line about a request that is over.

    Args:
        what: its method and path.
        status: what the client was answered; 0 for nothing.
        plugin: the id of the plugin that it was for; empty for none.
        client: its address.
        seconds: from its head until the response began, and until its end.
        sizes: bytes of bodies and messages that came, and that were sent.
        request_id: its id.
        problem: why it did not end as it should have, if it did not.
        more: further fields.
    """
    first_byte, duration = seconds
    fields: dict[str, object] = {
        "status": status,
        "plugin": plugin,
        "client": client,
        "first_byte_ms": round(first_byte * 1000, 2),
        "duration_ms": round(duration * 1000, 2),
        "bytes_in": sizes[0],
        "bytes_out": sizes[1],
        "request_id": request_id,
        **more,
    }
    if problem:
        fields["problem"] = problem
    logger.info(what, **fields)


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
