"""Between the gateways of one workspace: what one publishes every other one receives, in the order of publishing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        kind: what it is about.
        body: JSON.
    """

    kind: str
    body: str


Receive: TypeAlias = Callable[[Message], None]
"""Takes a message of another gateway. It does not wait, and does not raise."""


class Bus(Protocol):
    """One gateway's end.

    Attributes:
        node: its name, which no other has.
    """

    node: str

    async def open(self, receive: Receive, lost: Callable[[], None]) -> None:
        """Take part from now on.

        Args:
            receive: takes each message of others.
            lost: called where messages of others were lost, in their place: whoever relied on them has to look anew.
        """
        ...

    def publish(self, message: Message) -> None:
        """Tell the others. Returns at once; while they cannot be reached it waits with those before it."""
        ...

    async def close(self) -> None:
        """Take part no more, once what was published is told or that has failed for some time."""
        ...
