"""Searches as users type them: words, "phrases", -excluded words, and modifiers such as from: and in:."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mattermost_plugin.models import SearchParameter, SearchParams
from servehttp.workspace.domains.posts.post_rules import words
from servehttp.workspace.errors import invalid
from servehttp.workspace.validation import check_search

_PART = re.compile(r'(-?)(?:(from|in|channel|on|before|after):\s*)?("[^"]*"|\S+)', re.IGNORECASE)
_DAY = timedelta(days=1)

CONDITIONS_MAX = 100
"""Channels, people and days that a plugin's search may name."""
DAY_SECONDS = 24 * 60 * 60
FIRST_YEAR, LAST_YEAR = 1970, 9000
"""Far from the first and the last that can be reckoned with, wherever somebody lives."""


@dataclass
class Search:
    """What posts are to be like. Terms are as typed; people and channels are ids or names; times are milliseconds."""

    terms: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    any_term: bool = False
    in_channels: list[str] = field(default_factory=list)
    excluded_channels: list[str] = field(default_factory=list)
    from_users: list[str] = field(default_factory=list)
    excluded_users: list[str] = field(default_factory=list)
    periods: list[tuple[int, int]] = field(default_factory=list)
    excluded_periods: list[tuple[int, int]] = field(default_factory=list)
    archived_channels: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing; then nothing is found."""
        return not (self.terms or self.excluded or self.in_channels or self.from_users or self.periods)


def typed(search: SearchParameter) -> Search:
    """The search that a user typed."""
    found = Search(any_term=search.is_or_search, archived_channels=search.include_deleted_channels)
    _check([search.terms], search.time_zone_offset)
    _read(found, search.terms, search.time_zone_offset)
    return found


def stated(search: SearchParams) -> Search:
    """The search of a plugin that says the modifiers by fields."""
    found = Search(any_term=search.is_or_search, archived_channels=search.include_deleted_channels)
    offset = search.time_zone_offset
    people = (*search.from_users, *search.excluded_users)
    days = (*search.excluded_before_date, *search.excluded_after_date, *search.excluded_dates)
    _check([search.terms, *search.in_channels, *search.excluded_channels, *people, *days], offset)
    _read(found, search.terms, offset)
    found.in_channels += search.in_channels
    found.excluded_channels += search.excluded_channels
    found.from_users += search.from_users
    found.excluded_users += search.excluded_users
    found.excluded_periods += _periods("before", search.excluded_before_date, offset)
    found.excluded_periods += _periods("after", search.excluded_after_date, offset)
    found.excluded_periods += _periods("on", search.excluded_dates, offset)
    return found


def _check(texts: Sequence[str], offset: int) -> None:
    for text in texts:
        check_search(text)
    if len(texts) > CONDITIONS_MAX:
        raise invalid("api.search.too_long.app_error", "A search has too many conditions.", where="Search")
    if abs(offset) > DAY_SECONDS:
        raise invalid("api.search.offset.app_error", "A time zone is less than a day from UTC.", where="Search")


def _read(search: Search, text: str, offset: int) -> None:
    for minus, modifier, value in _PART.findall(text):
        match modifier.lower():
            case "" if words(value):
                (search.excluded if minus else search.terms).append(value)
            case "from":
                (search.excluded_users if minus else search.from_users).append(value.lstrip("@").lower())
            case "in" | "channel":
                (search.excluded_channels if minus else search.in_channels).append(value.lstrip("~").lower())
            case "on" | "before" | "after" as name:
                (search.excluded_periods if minus else search.periods).extend(_periods(name, [value], offset))


def _periods(name: str, days: Iterable[str], offset: int) -> list[tuple[int, int]]:
    """From when to when "on", "before" or "after" a day is; a day that is none is left out.

    Raises:
        AppFailure: 400, a day is of a year that posts cannot be of.
    """
    found = []
    for day in days:
        try:
            midnight = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            continue
        if not FIRST_YEAR <= midnight.year <= LAST_YEAR:
            text = f"{day} is no day that posts can be of: those are of the years {FIRST_YEAR} to {LAST_YEAR}."
            raise invalid("api.search.day.app_error", text, where="Search")
        start = midnight - timedelta(seconds=offset)
        begin, end = _milliseconds(start), _milliseconds(start + _DAY)
        found.append({"on": (begin, end), "before": (0, begin), "after": (end, 2**62)}[name])
    return found


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
