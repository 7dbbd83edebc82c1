"""A hook of mkdocs: llms.txt, which tells programs that read what the site has, page by page, in a sentence each."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = "llms.txt"

_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_SENTENCE = re.compile(r".+?\.(?=\s|$)")

_sentences: dict[str, str] = {}


def on_page_content(content: str, page: Any, config: Any, files: Any) -> None:
    """Keep a page's first sentence."""
    _sentences[page.url] = first_sentence(content)


def on_post_build(config: Any) -> None:
    """Write the file, in the order of the site's navigation."""
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", "", *entries(config.nav_items)]
    (Path(config.site_dir) / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def on_nav(nav: Any, config: Any, files: Any) -> None:
    """Keep the navigation, which is not there any more when the site has been built."""
    config.nav_items = nav.items


def entries(items: Any) -> Iterator[str]:
    """The lines of some of the navigation: a heading for each section, a link with a sentence for each page."""
    for item in items:
        if item.is_section:
            yield from ("", f"## {item.title}", "")
            yield from entries(item.children)
        elif item.is_page:
            yield f"- [{item.title}]({item.url}): {_sentences[item.url]}"


def first_sentence(content: str) -> str:
    """The first sentence of a page's first paragraph, as plain text; empty if there is none."""
    paragraph = _PARAGRAPH.search(content)
    words = " ".join(html.unescape(_TAG.sub("", paragraph[1])).split()) if paragraph else ""
    sentence = _SENTENCE.match(words)
    return sentence[0] if sentence else words.rstrip(":")
