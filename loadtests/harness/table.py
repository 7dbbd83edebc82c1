"""Rows of text as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEADINGS = ("measure", "figure", "against", "baseline", "ratio", "one round", "reach", "aim", "")


def number(value: float) -> str:
    """Three figures that mean something: 31,800, 1,240, 48.3, 0.62."""
    if abs(value) >= 100:
        digits = len(str(int(abs(value)))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row of the benchmark's results, in the order of HEADINGS."""
    sign = "≥" if row["better"] == "more" else "≤"
    return [
        row["title"],
        _quantity(row["figure"], row["unit"]),
        row["against"],
        _quantity(row["baseline"], row["unit"]),
        "–" if row["ratio"] is None else f"{row['ratio']:.2f}",
        "–" if row["ratio"] is None else f"{row['least']:.2f} to {row['most']:.2f}",
        *("–" if row[target] is None else f"{sign} {row[target]:g}" for target in ("reach", "aim")),
        row["verdict"] if row["reason"] is None else f"{row['verdict']}: {row['reason']}",
    ]


def _quantity(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return number(value) + ("" if unit.startswith("/") else " ") + unit


def as_text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns for a terminal."""
    widths = [max(len(line[column]) for line in (headings, *rows)) for column in range(len(headings))]
    lines = [headings, ["─" * width for width in widths], *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


def as_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [headings, ["---"] * len(headings), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
