"""Sections of text, tables and plots as Markdown, or as a page of HTML."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.table import as_markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure, which is drawn when it is needed; its name is that of its file."""

    name: str
    meaning: str
    draw: Callable[[], Figure]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it; a `str` is a paragraph."""

    title: str
    blocks: Sequence[str | Table | Plot]


def markdown(sections: Iterable[Section], plots: str) -> str:
    """Sections as Markdown; `plots` is the folder of the plots, seen from the page."""
    return "\n".join(f"## {section.title}\n\n{_markdown_blocks(section, plots)}" for section in sections)


def _markdown_blocks(section: Section, plots: str) -> str:
    lines = []
    for block in section.blocks:
        if isinstance(block, Table):
            lines.append(as_markdown(block.headings, block.rows))
        elif isinstance(block, Plot):
            lines.append(f"![{block.meaning}]({plots}/{block.name}.svg)")
        else:
            lines.append(block)
    return "".join(f"{line}\n\n" for line in lines).rstrip("\n") + "\n"


def save_plots(sections: Iterable[Section], folder: Path) -> None:
    """Draw every plot into its file."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Plot):
                drawing().save(block.draw(), folder / f"{block.name}.svg")


def plot_names(sections: Iterable[Section]) -> list[str]:
    """The names of all plots."""
    return [block.name for section in sections for block in section.blocks if isinstance(block, Plot)]


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-size: 13px; margin: 1rem 0; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; }
"""


def write_html(path: Path, title: str, sections: Iterable[Section]) -> None:
    """One page with everything in it."""
    body = "".join(
        f"<h2>{html.escape(section.title)}</h2>{''.join(map(_html, section.blocks))}" for section in sections
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>\n",
        encoding="utf-8",
    )


def _html(block: str | Table | Plot) -> str:
    if isinstance(block, Plot):
        return f'<figure aria-label="{html.escape(block.meaning)}">{drawing().svg(block.draw())}</figure>'
    if isinstance(block, str):
        return f"<p>{html.escape(block.replace('**', ''))}</p>"
    rows = "".join(f"<tr>{_html_cells('td', row)}</tr>" for row in block.rows)
    return f"<table><tr>{_html_cells('th', block.headings)}</tr>{rows}</table>"


def _html_cells(tag: str, row: Sequence[str]) -> str:
    return "".join(f"<{tag}>{html.escape(cell.replace('`', ''))}</{tag}>" for cell in row)


def drawing() -> Any:
    """The module that draws."""
    from harness import plots as module  # matplotlib is slow to import, and text needs none of it

    return module
