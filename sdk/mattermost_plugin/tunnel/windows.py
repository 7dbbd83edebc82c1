"""Credit, as arithmetic: docs/protocol.md §4.

A piece of data costs its length plus `PIECE_OVERHEAD`, so that a window also bounds how many pieces can wait. When
credit is returned, and how windows grow, is in `mattermost_plugin.credit`.
"""

from __future__ import annotations

from typing import Final

from mattermost_plugin.credit import Pool, Window
from mattermost_plugin.exchange import ResetCode
from mattermost_plugin.tunnel.errors import ExchangeViolation

PIECE_OVERHEAD: Final = 64
"""What holding one piece of data costs beside its bytes: the objects around it, roughly."""

FIRST_WINDOW: Final = 64 * 1024
"""Credit at the start of an exchange: one full message, so that a small body never waits for credit."""

LARGEST_WINDOW: Final = 256 * 1024
"""The most that one exchange may have in flight. More of it moves bulk faster and makes its neighbours wait longer:
beside bulk both ways the p99 of a small request was 1.4 times what it is without at 128 KiB, 1.9 times at 256 KiB and
about 4 times at 512 KiB, while a download went at 350, 700 and 1,160 MB/s."""

SMALLEST_WINDOW: Final = 4096
"""A peer that grants less could not be sent a useful piece."""

POOL_SIZE: Final = 16 * 1024 * 1024
"""What all exchanges of a tunnel may have in flight beyond their first windows."""

CREDIT_LIMIT: Final = 2**31
"""Credit held by a sender stays below this, so that every implementation can count it."""


def cost(data: bytes) -> int:
    """What a piece of data takes from a window."""
    return len(data) + PIECE_OVERHEAD


class SendWindow:
    """What this side may still send on one exchange."""

    __slots__ = ("credit",)

    def __init__(self, credit: int) -> None:
        self.credit = credit

    def fits(self, length: int) -> int:
        """How many of `length` bytes may go now as one piece."""
        return min(length, self.credit - PIECE_OVERHEAD)

    def take(self, data: bytes) -> None:
        self.credit -= cost(data)

    def grant(self, credit: int) -> None:
        """The peer returned credit.

        Raises:
            ExchangeViolation: it granted more than anyone can count.
        """
        self.credit += credit
        if self.credit >= CREDIT_LIMIT:
            raise ExchangeViolation(ResetCode.FLOW_CONTROL, f"credit of {self.credit} is beyond the limit of 2^31")


class ReceiveWindow(Window):
    """What the peer may still send on one exchange, and what it gets back when."""

    __slots__ = ()

    def __init__(self, pool: Pool, first: int = FIRST_WINDOW, largest: int = LARGEST_WINDOW) -> None:
        super().__init__(pool, first, largest)

    def receive(self, data: bytes) -> None:
        """Data arrived.

        Raises:
            ExchangeViolation: the peer had no credit for it.
        """
        if not self.take(cost(data)):
            raise ExchangeViolation(ResetCode.FLOW_CONTROL, f"{-self.granted} more than its credit was sent")
