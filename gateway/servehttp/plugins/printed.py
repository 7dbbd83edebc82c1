"""The last lines that each plugin has printed, and those that follow, for whoever reads them.

They are the plugin's, not a process's: a restart, or another version in its place, goes on where the one before ended.
A reader has a place in them and no queue of its own. One that is slower than the plugin finds that lines between have
gone, and is told how many; it costs neither memory nor anybody's time.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from servehttp.errors import GatewayError

KEPT_LINES = 1000
KEPT_CHARACTERS = 256 * 1024
"""Of all kept lines of one plugin together."""
LINE_CHARACTERS = 16 * 1024
"""Of one line, or of one traceback, which counts as one."""
CUT_MARK = "… [cut]"
READERS = 16
"""How many may follow one plugin at a time."""
BATCH = 100
"""Lines that a reader is given at once."""


class TooManyReaders(GatewayError):
    """As many as may follow a plugin's output do so already."""


@dataclass(frozen=True)
class PrintedLine:
    """One line, or one traceback.

    Attributes:
        number: counts all that the plugin has printed since the gateway's start, from 0.
        time: when it came, in milliseconds since 1970.
        stream: "stdout" or "stderr".
        level: "debug", "info", "warning", "error" or "critical".
        text: what was printed, with control characters escaped; of a traceback all lines.
        replica: which of the plugin's replicas printed it; None for the only one.
    """

    number: int
    time: int
    stream: str
    level: str
    text: str
    replica: int | None = None


@dataclass(frozen=True)
class Missed:
    """Lines that have gone before the reader came to them.

    Attributes:
        missed: how many.
    """

    missed: int


class PrintedLines:
    """The lines of one plugin.

    Args:
        lines: how many are kept.
        characters: how many they may have together.
        readers: how many may follow at a time.
    """

    def __init__(self, lines: int = KEPT_LINES, characters: int = KEPT_CHARACTERS, readers: int = READERS) -> None:
        self._kept: deque[PrintedLine] = deque()
        self._most_lines = lines
        self._most_characters = characters
        self._most_readers = readers
        self._characters = 0
        self._next = 0
        self._readers = 0
        self._ended = False
        self._news = asyncio.Event()

    def add(self, stream: str, level: str, text: str, replica: int | None = None) -> None:
        """Have one more; the oldest ones go."""
        text = text if len(text) <= LINE_CHARACTERS else text[:LINE_CHARACTERS] + CUT_MARK
        self._kept.append(PrintedLine(self._next, int(time.time() * 1000), stream, level, text, replica))
        self._next += 1
        self._characters += len(text)
        while len(self._kept) > self._most_lines or self._characters > self._most_characters:
            self._characters -= len(self._kept.popleft().text)
        self._wake()

    def last(self, count: int) -> list[PrintedLine]:
        """So many of the last lines, oldest first."""
        return list(itertools.islice(self._kept, max(0, len(self._kept) - count), None))

    def check_room(self) -> None:
        """Go on only if one more may follow.

        Raises:
            TooManyReaders: there are as many as there may be.
        """
        if self._readers >= self._most_readers:
            raise TooManyReaders(f"{self._readers} readers follow the plugin's output already; end one of them")

    @contextlib.contextmanager
    def reader(self) -> Iterator[None]:
        """Be one of those who follow.

        Raises:
            TooManyReaders: there are as many as there may be.
        """
        self.check_room()
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def follow(self, count: int, patience: float) -> AsyncIterator[Sequence[PrintedLine | Missed]]:
        """So many of the last lines, and then what follows, until the plugin or the gateway is there no more.

        Args:
            count: of the last lines.
            patience: seconds after which nothing is given, if nothing comes.
        """
        place = max(self._next - count, self._next - len(self._kept))
        while True:
            batch = self._from(place)
            if not batch and self._ended:
                return
            if not batch:
                await self._wait(patience)
                batch = self._from(place)
            place = max([place, *(line.number + 1 for line in batch if isinstance(line, PrintedLine))])
            yield batch

    def end(self) -> None:
        """Nothing follows: the plugin is there no more, or the gateway stops."""
        self._ended = True
        self._wake()

    def _from(self, place: int) -> list[PrintedLine | Missed]:
        if place >= self._next:
            return []
        first = self._next - len(self._kept)
        found = list(itertools.islice(self._kept, max(0, place - first), max(0, place - first) + BATCH))
        return [*([Missed(first - place)] if place < first else []), *found]

    async def _wait(self, patience: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._news.wait()

    def _wake(self) -> None:
        if self._readers:
            self._news.set()
            self._news = asyncio.Event()


class PrintedByPlugins:
    """The lines of all plugins of a gateway, by id."""

    def __init__(self) -> None:
        self._lines: dict[str, PrintedLines] = {}

    def of(self, plugin_id: str) -> PrintedLines:
        """Those of one plugin, which go on from one of its processes to the next."""
        return self._lines.setdefault(plugin_id, PrintedLines())

    def forget(self, plugin_id: str) -> None:
        """The plugin is there no more."""
        if (lines := self._lines.pop(plugin_id, None)) is not None:
            lines.end()

    def end(self) -> None:
        """Nobody is to follow them any more: the gateway stops."""
        for lines in self._lines.values():
            lines.end()
