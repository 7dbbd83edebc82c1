"""What travels on a tunnel beside the parts of an exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from mattermost_plugin.exchange import Part

VERSION: Final = 1
"""The one version of docs/protocol.md there is."""

MAX_FRAMES: Final = 4096
"""Frames of one message (docs/protocol.md §5); a sender counts parts, of which a frame may hold several."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What each side says of itself first."""

    window: int
    max_exchanges: int = 0
    agent: str = ""
    min_version: int = VERSION
    max_version: int = VERSION


@dataclass(slots=True)
class Credit:
    """Permission to send more on one exchange."""

    amount: int


@dataclass(slots=True)
class Drain:
    """The sender begins nothing new; or, as a notice, it will soon begin nothing new."""

    notice: bool = False


@dataclass(slots=True)
class Invalid:
    """A frame that parsed but makes no sense; always a violation of its exchange."""

    reason: str
    opens: bool = False
    """It stands in the place of a request."""


TunnelPart: TypeAlias = Part | Credit | Drain | Hello | Invalid
"""What can stand in a message."""

Addressed: TypeAlias = tuple[int, TunnelPart]
"""A part and the number of the exchange it belongs to; 0 is the stream itself."""
