"""What names, addresses, lengths and ids may be, as Mattermost has it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from servehttp.host.errors import AppFailure, invalid
from servehttp.host.ids import is_id

USERNAME_MAX = 64
EMAIL_MAX = 128
PASSWORD_MAX = 72
"""Bytes; Mattermost's limit, which comes from bcrypt."""
RESERVED_USERNAMES = frozenset({"all", "channel", "here", "matterbot", "system"})

_USERNAME = re.compile(r"[a-z0-9._-]+", re.ASCII)
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+")
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
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.netloc)
