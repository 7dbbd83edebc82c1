"""What serves one call, as its connection sees it."""

from __future__ import annotations

from typing import Final, Protocol


class Service(Protocol):
    """Serves one call; told in the turn in which something has come, and never waits."""

    def take(self, message: bytes, credit: int) -> None:
        """The client's next message; `credit` is what `GrpcCall.consume` is to be told of it."""
        ...

    def end(self) -> None:
        """The client sends no more."""
        ...

    def cancel(self) -> None:
        """Nobody waits for an answer any more: the client has given up, or is gone, or the time is over."""
        ...

    def written(self) -> None:
        """There is room for more, after `GrpcCall.send` said that there was none; or nobody reads any more."""
        ...


class Nothing:
    """What serves a call that is over already."""

    def take(self, message: bytes, credit: int) -> None:
        """Nobody is told of it."""

    def end(self) -> None:
        """The same."""

    def cancel(self) -> None:
        """The same."""

    def written(self) -> None:
        """The same."""


NOTHING: Final = Nothing()
