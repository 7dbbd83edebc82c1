"""What carries exchanges, as whoever chooses among connections sees it."""

from __future__ import annotations

from mattermost_plugin.sink import Carrier


class Counted(Carrier):
    """A connection whose exchanges are counted, and no more."""

    def __init__(self) -> None:
        self.is_open = True
        self.open = 0
        self.begun = 0

    @property
    def in_flight(self) -> int:
        return self.open

    @property
    def opened(self) -> int:
        return self.begun

    @property
    def takes(self) -> bool:
        return self.is_open

    @property
    def carrier(self) -> Counted:
        """As a link has it."""
        return self

    def begin(self) -> None:
        assert self.takes
        self.open += 1
        self.begun += 1
