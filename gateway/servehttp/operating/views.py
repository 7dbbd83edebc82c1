"""What commands print for people: tables, and lines of plugins' output."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from servehttp.logs import escape_controls

WIDE = 1000
"""Columns where it is no terminal: what reads it should not find lines folded."""
COLOURS = {
    "running": "green", "stopped": "dim", "failed": "bold red", "restarting": "yellow", "starting": "yellow",
    "warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim",
}  # fmt: skip
"""Of states and levels."""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below the names of their columns; a state is coloured on a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console = _console()
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())


def print_line(line: Mapping[str, Any]) -> None:
    """Print one line of a plugin's output, or how many were missed."""
    console = _console()
    if "missed" in line:
        console.print(Text(f"[{line['missed']} lines came too fast, and are not shown]", "dim"), soft_wrap=True)
        return
    when = datetime.fromtimestamp(line["time"] / 1000).strftime("%H:%M:%S.%f")[:-3]
    replica = "" if line["replica"] is None else f"[{line['replica']}] "
    text = "\n".join(escape_controls(part) for part in str(line["text"]).split("\n"))
    style = COLOURS.get(line["level"], "")
    shown = Text.assemble((when, "dim"), " ", (f"{line['level']:<8}", style), replica, text)
    console.print(shown, soft_wrap=True, highlight=False)


def seconds(value: float | None) -> str:
    """A time as one reads it: 12.3 s, 5 min, 3 h, 2 d."""
    if value is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{int(value // size)} {unit}"
    return f"{value:.1f} s"


def _cell(value: object) -> Text:
    text = "-" if value in (None, "") else escape_controls(str(value))
    return Text(text, COLOURS.get(text, ""))


@functools.cache
def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE)
