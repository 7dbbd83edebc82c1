"""Whom tokens stand for: what the front asks, and whoever keeps sessions answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token stands for.

    Attributes:
        user_id: The user.
        csrf: What a page sends along with the cookie; empty if the token is none for cookies.
    """

    user_id: str
    csrf: str = ""


class Unknown(enum.Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = enum.auto()


UNKNOWN: Final = Unknown.UNKNOWN
"""Whether a token stands for somebody cannot be told without a look."""
Known: TypeAlias = Caller | Literal[Unknown.UNKNOWN] | None


class Identity(Protocol):
    """Knows whom tokens stand for."""

    def known(self, token: str) -> Known:
        """What is known without a look; None if the token stands for nobody."""
        ...

    async def find(self, token: str) -> Caller | None:
        """Look."""
        ...
