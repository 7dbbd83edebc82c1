"""What the parsers of both kinds of forms tell, in the order in which it came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class PartHead:
    """A part begins.

    Attributes:
        name: the field's.
        filename: as the client names the file; None for what is no file.
        headers: names in lower case, and values.
    """

    name: str
    filename: str | None
    headers: dict[str, str]


FormEvent: TypeAlias = PartHead | bytes | None
"""A part begins, a piece of it, or its end."""
