"""The last lines that each plugin has printed, and those that follow, for whoever reads them.

They are the plugin's, not a process's: a restart, or another version in its place, goes on where the one before ended.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from servehttp.tail import READERS, Tail

KEPT_LINES = 1000
KEPT_CHARACTERS = 256 * 1024
"""Of all kept lines of one plugin together."""
LINE_CHARACTERS = 16 * 1024
"""Of one line, or of one traceback, which counts as one."""
CUT_MARK = "… [cut]"


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


class PrintedLines(Tail[PrintedLine]):
    """The lines of one plugin.

    Args:
        lines: how many are kept.
        characters: how many they may have together.
        readers: how many may follow at a time.
    """

    def __init__(self, lines: int = KEPT_LINES, characters: int = KEPT_CHARACTERS, readers: int = READERS) -> None:
        super().__init__(lines, characters, readers, "the plugin's output")

    def add(self, stream: str, level: str, text: str, replica: int | None = None) -> None:
        """Have one more; the oldest ones go."""
        text = text if len(text) <= LINE_CHARACTERS else text[:LINE_CHARACTERS] + CUT_MARK
        self._keep(PrintedLine(self._next, int(time.time() * 1000), stream, level, text, replica), len(text))


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
