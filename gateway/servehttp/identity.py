"""Whom tokens stand for: what the front asks, and whoever keeps sessions answers."""

from __future__ import annotations

import enum
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token stands for.

    Attributes:
        user_id: the user; empty if the token has ended or is switched off, so that it stands for nobody now.
        csrf: what a page sends along with the cookie; empty if the token is none for cookies.
    """

    user_id: str
    csrf: str = ""


NOBODY: Final = Caller("")
"""For a token that is one of the workspace's, and stands for nobody now."""


class Unknown(enum.Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = enum.auto()


UNKNOWN: Final = Unknown.UNKNOWN
"""Whether a token stands for somebody cannot be told without a look."""
Cached: TypeAlias = Caller | Literal[Unknown.UNKNOWN] | None


def is_same_origin(origin: str | None, host: str) -> bool:
    """Whether no page of another site is behind a request; programs that are no browsers send no origin."""
    if origin is None:
        return True
    try:
        return urlsplit(origin.lower()).netloc == host.lower()
    except ValueError:  # brackets around what is no address
        return False


class IdentityUnavailable(Exception):
    """Whom a token stands for cannot be found out at the moment."""


class Identity(Protocol):
    """Knows whom tokens stand for. A token that is none of the workspace's is nobody's: None."""

    @property
    def trouble(self) -> str | None:
        """Why what is kept about them cannot be read or written at the moment; None if it can."""
        ...

    def cached(self, token: str) -> Cached:
        """What is known without a look."""
        ...

    async def lookup(self, token: str) -> Caller | None:
        """Look.

        Raises:
            IdentityUnavailable: that is not possible.
        """
        ...

    async def manages(self, user_id: str) -> bool:
        """Whether a user manages the system.

        Raises:
            IdentityUnavailable: that cannot be told.
        """
        ...


class Memories(Protocol):
    """Other processes that remember whom tokens stand for."""

    def forget(self, user_id: str) -> Awaitable[None]:
        """Tell them that the sessions or tokens of a user have changed; what is returned waits until all know."""
        ...
