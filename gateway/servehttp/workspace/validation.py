"""What names, addresses, lengths and ids may be, as Mattermost has it."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.ids import is_id

USERNAME_MAX = 64
EMAIL_MAX = 128
PASSWORD_MAX = 72
"""Bytes; Mattermost's limit, which comes from bcrypt."""
ADDED_MAX = 256
"""Members that are added to a team or a channel at a time."""
SEARCH_MAX = 1024
"""Characters of a search."""
SEARCH_WORDS_MAX = 32
RESERVED_USERNAMES = frozenset({"all", "channel", "here", "matterbot", "system"})

_USERNAME = re.compile(r"[a-z0-9._-]+", re.ASCII)
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+")
_WORD = re.compile(r"\w+")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?", re.ASCII)


def is_username(name: str) -> bool:
    """Whether a user or bot may be called that: lower case letters, digits, dot, dash, underscore."""
    return len(name) <= USERNAME_MAX and name not in RESERVED_USERNAMES and _USERNAME.fullmatch(name) is not None


def is_email(address: str) -> bool:
    """Whether this is an address as the workspace keeps it: one `@`, lower case, up to 128 characters."""
    return len(address) <= EMAIL_MAX and address == address.lower() and _EMAIL.fullmatch(address) is not None


def is_slug(name: str, *, shortest: int, longest: int) -> bool:
    """Whether a team or channel may have this name in its address."""
    return shortest <= len(name) <= longest and _SLUG.fullmatch(name) is not None


def check_id(value: str, name: str, *, where: str = "") -> None:
    """Accept an id.

    Raises:
        AppFailure: 400, it has not the form of one; `name` names it, as in "user_id".
    """
    if not is_id(value):
        raise invalid("api.context.invalid_param.app_error", f"{name} is not an id.", where=where, Name=name)


def check_length(value: str, longest: int, failure: AppFailure) -> None:
    """Accept a text of at most so many characters.

    Raises:
        AppFailure: `failure`, because it is longer.
    """
    if len(value) > longest:
        raise failure


def is_web_address(address: str) -> bool:
    """Whether this is an address that begins with http:// or https:// and names a host."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets around what is no address
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def check_search(term: str) -> None:
    """Accept what somebody searches for, before any of it is looked for: each word is work for the database.

    Raises:
        AppFailure: 400, it has more than `SEARCH_WORDS_MAX` words, or is longer than `SEARCH_MAX` characters.
    """
    if len(term) > SEARCH_MAX or len(_WORD.findall(term)) > SEARCH_WORDS_MAX:
        text = f"A search has at most {SEARCH_WORDS_MAX} words and {SEARCH_MAX} characters."
        raise invalid("api.search.too_long.app_error", text, where="Search")


def check_count(values: Collection[object], most: int, name: str) -> None:
    """Accept so many things at a time.

    Raises:
        AppFailure: 400, there are more; `name` names them, as in "user_ids".
    """
    if len(values) > most:
        text = f"At most {most} {name} at a time; these are {len(values)}."
        raise invalid("api.context.too_many.app_error", text, Name=name)
