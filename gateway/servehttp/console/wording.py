"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

NONE = "–"
UNITS = ("B", "kB", "MB", "GB", "TB")
THOUSAND = 1000
MINUTE, HOUR, DAY = 60, 3600, 86400


def size(number: float | None) -> str:
    """Bytes, such as 12.3 MB."""
    if number is None:
        return NONE
    for unit in UNITS[:-1]:
        if number < THOUSAND:
            return f"{number:.0f} {unit}" if unit == UNITS[0] else f"{number:.1f} {unit}"
        number /= THOUSAND
    return f"{number:.1f} {UNITS[-1]}"


def duration(seconds: float | None) -> str:
    """How long something took, such as 4.2 ms or 1.50 s."""
    if seconds is None:
        return NONE
    if seconds < 0.0995:
        return f"{seconds * THOUSAND:.1f} ms"
    if seconds < 1:
        return f"{seconds * THOUSAND:.0f} ms"
    return f"{seconds:.2f} s" if seconds < MINUTE else span(seconds)


def span(seconds: float | None) -> str:
    """A stretch of time in its two largest units, such as 3 h 20 min."""
    if seconds is None:
        return NONE
    whole = int(max(seconds, 0))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def rate(number: float | None) -> str:
    """How often a second, such as 12.5/s."""
    if number is None:
        return NONE
    if number == 0:
        return "0/s"
    return f"{number:.2f}/s" if number < 10 else f"{number:,.0f}/s"


def share(number: float | None) -> str:
    """A share in percent, such as 0.4 % or 35 %."""
    if number is None:
        return NONE
    return f"{number * 100:.1f} %" if 0 < number < 0.0995 else f"{number * 100:.0f} %"


def count(number: float | None) -> str:
    """A whole number, with its thousands apart."""
    return NONE if number is None else f"{int(number):,}"


def clock(seconds: float | None) -> str:
    """A moment, in UTC."""
    return NONE if seconds is None else _moment(seconds).strftime("%Y-%m-%d %H:%M:%S")


def time_of_day(milliseconds: float) -> str:
    """A moment of these days, in UTC."""
    return _moment(milliseconds / THOUSAND).strftime("%H:%M:%S")


def machine(seconds: float | None) -> str:
    """A moment as machines read it."""
    return "" if seconds is None else _moment(seconds).isoformat(timespec="seconds")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
