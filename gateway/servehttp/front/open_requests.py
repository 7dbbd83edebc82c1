"""The requests to plugins that are open, in the log, for whoever wants to know what a gateway waits for."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import structlog

from servehttp.front.access_log import RequestRecord

SHOWN: Final = 100
"""How many are logged one by one, those first that began first."""
PATH_LENGTH: Final = 200
"""Bytes of a path that are logged."""

log = structlog.get_logger("servehttp.front")


def log_open(records: Iterable[RequestRecord]) -> None:
    """Log how many are open, and those that began first with their age and bytes."""
    now = time.perf_counter()
    oldest = sorted(records, key=lambda record: record.started)
    log.info("open requests", count=len(oldest), shown=min(len(oldest), SHOWN))
    for record in oldest[:SHOWN]:
        log.info(
            "open request",
            plugin=record.plugin_id,
            method="WEBSOCKET" if record.is_websocket else record.method,
            path=record.path[:PATH_LENGTH].decode("latin-1"),
            seconds=round(now - record.started, 3),
            status=int(record.status),
            bytes_in=record.bytes_in,
            bytes_out=record.bytes_out,
            waits_for=record.waits_for,
        )
