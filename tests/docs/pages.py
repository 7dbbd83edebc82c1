"""The pages of the documentation, taken apart: their blocks of code, their headings, their links.

What is done with a block of code is written at the block, where a reader sees it or a comment does not disturb:

    ```python                       is executed, as a module of its own
    ```python title="mine/plugin.py"  is a file, which later blocks use; so are other languages with a title
    <!-- fragment -->               before a block of Python: it is no whole program
    <!-- runs -->                   before a block of console: each line that begins with `$` is executed, and prints
                                    what follows it, where `…` stands for anything
    <!-- serves -->                 the same for one command that goes on until the page, or the next such block, ends
    <!-- beside -->                 the same, and what is served before goes on as well
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

_BLOCK = re.compile(
    r'^(?:<!-- (?P<mark>\w+) -->\n)?```(?P<language>\w+)?(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
_SNIPPET = re.compile(r'^--8<-- "(?P<file>[^":]+)(?::(?P<section>\w+))?"$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code in a page."""

    place: str
    """Page and line, for messages."""
    mark: str
    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Command:
    """A line of a console, and what it prints."""

    line: str
    output: str


def text_of(page: Path) -> str:
    """A page's text, with that of the files it includes."""
    text = page.read_text(encoding="utf-8")
    return _SNIPPET.sub(lambda found: _included(found["file"], found["section"]), text)


def _included(file: str, section: str | None) -> str:
    text = (ROOT / file).read_text(encoding="utf-8")
    if section is None:
        return text
    _, begin, rest = text.partition(f"<!-- --8<-- [start:{section}] -->\n")
    included, end, _ = rest.partition(f"<!-- --8<-- [end:{section}] -->\n")
    assert begin, f"{file} has no section {section}"
    assert end, f"the section {section} of {file} has no end"
    return included


def blocks(page: Path) -> list[Block]:
    """All blocks of code in a page, in order, with the files they include."""
    text = text_of(page)
    return [
        Block(
            f"{page.name}:{text.count(chr(10), 0, found.start('text'))}",
            found["mark"] or "",
            found["language"] or "",
            found["title"] or "",
            found["text"],
        )
        for found in _BLOCK.finditer(text)
    ]


def commands(block: Block) -> list[Command]:
    """The lines of a console's block that begin with `$`, each with the lines up to the next one."""
    _, *parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    return [Command(line, output) for line, _, output in (part.partition("\n") for part in parts)]


def prose(page: Path) -> str:
    """A page's text without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """Where a page's links and pictures lead, but for other sites."""
    return [target for target in _LINK.findall(prose(page)) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as the site makes them."""
    return {_slug(heading) for heading in _HEADING.findall(prose(page))}


def _slug(heading: str) -> str:
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())
