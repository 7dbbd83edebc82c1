"""What carries exchanges, as whoever chooses among connections sees it."""

from __future__ import annotations

from dataclasses import dataclass

from mattermost_plugin.sink import Carrier


@dataclass(eq=False)
class Counted(Carrier):
    """A connection whose exchanges are counted, and no more."""

    takes: bool = True
    in_flight: int = 0
    opened: int = 0

    @property
    def carrier(self) -> Counted:
        """As a link has it."""
        return self

    def begin(self) -> None:
        assert self.takes
        self.in_flight += 1
        self.opened += 1
