"""The last of what keeps coming, and what follows, for whoever reads it.

A reader has a place in it and no queue of its own. One that is too slow finds that some between have gone, and is told
how many; it costs neither memory nor anybody's time. Whoever adds to it may be in any thread; readers are in one loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from servehttp.errors import GatewayError

READERS = 16
"""How many may follow at a time."""
BATCH = 100
"""How many a reader is given at once."""


class TooManyReaders(GatewayError):
    """As many as may follow do so already."""


class Numbered(Protocol):
    """Something with a number, which counts all that came."""

    @property
    def number(self) -> int: ...


T = TypeVar("T", bound=Numbered)


@dataclass(frozen=True)
class Missed:
    """What has gone before the reader came to it.

    Attributes:
        missed: how many.
    """

    missed: int


class Tail(Generic[T]):
    """The last of them, each with a number one higher than the one before.

    Args:
        most: how many are kept.
        characters: how many they may have together.
        readers: how many may follow at a time.
        what: what they are the last of, for errors.
    """

    def __init__(self, most: int, characters: int, readers: int = READERS, what: str = "it") -> None:
        self._kept: deque[tuple[T, int]] = deque()
        self._most = most
        self._most_characters = characters
        self._most_readers = readers
        self._what = what
        self._characters = 0
        self._next = 0
        self._readers = 0
        self._ended = False
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def _keep(self, item: T, characters: int) -> None:
        """Have one more, whose number is `_next`; the oldest ones go."""
        self._kept.append((item, characters))
        self._next += 1
        self._characters += characters
        while len(self._kept) > self._most or self._characters > self._most_characters:
            self._characters -= self._kept.popleft()[1]
        self._wake()

    def last(self, count: int) -> list[T]:
        """So many of the last ones, oldest first."""
        kept = list(self._kept)
        return [item for item, _ in kept[max(0, len(kept) - count) :]]

    def check_room(self) -> None:
        """Go on only if one more may follow.

        Raises:
            TooManyReaders: there are as many as there may be.
        """
        if self._readers >= self._most_readers:
            raise TooManyReaders(f"{self._readers} readers follow {self._what} already; end one of them")

    @contextlib.contextmanager
    def reader(self) -> Iterator[None]:
        """Be one of those who follow.

        Raises:
            TooManyReaders: there are as many as there may be.
        """
        self.check_room()
        self._loop = asyncio.get_running_loop()
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def follow(self, count: int, patience: float) -> AsyncIterator[Sequence[T | Missed]]:
        """So many of the last ones, and then what follows, until the end.

        Args:
            count: of the last ones.
            patience: seconds after which nothing is given, if nothing comes.
        """
        async for batch in self.follow_from(max(self._next - count, self._next - len(self._kept)), patience):
            yield batch

    async def follow_from(self, place: int, patience: float) -> AsyncIterator[Sequence[T | Missed]]:
        """What has this number, and what follows, until the end.

        Args:
            place: the number.
            patience: seconds after which nothing is given, if nothing comes.
        """
        while True:
            news = self._news  # before the look, so that nothing comes between the two
            batch = self._from(place)
            if not batch and self._ended:
                return
            if not batch:
                await _wait(news, patience)
                batch = self._from(place)
            place = max([place, *(item.number + 1 for item in batch if not isinstance(item, Missed))])
            yield batch

    def end(self) -> None:
        """Nothing follows."""
        self._ended = True
        self._wake()

    def nudge(self) -> None:
        """Have those who follow see that there is nothing new, at once."""
        self._wake()

    def _from(self, place: int) -> list[T | Missed]:
        if place >= self._next:
            return []
        kept = list(self._kept)
        first = kept[0][0].number if kept else self._next
        begin = max(0, place - first)
        found = [item for item, _ in itertools.islice(kept, begin, begin + BATCH)]
        return [*([Missed(first - place)] if place < first else []), *found]

    def _wake(self) -> None:
        if self._readers and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


async def _wait(news: asyncio.Event, patience: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await news.wait()
