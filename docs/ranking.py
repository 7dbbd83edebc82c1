"""A hook of mkdocs: what the search shows first. Who looks for a word wants the guide, not a table that has it."""

from __future__ import annotations

from typing import Any

BOOSTS = {
    "python-plugins.md": 8,
    "quickstart.md": 4,
    "building-a-plugin.md": 3,
    "operating.md": 2,
    "release-notes.md": 0.2,
    "host-api.md": 0.5,
}
"""How much more than others a page counts."""


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> None:
    """Tell the search how much a page counts."""
    if boost := BOOSTS.get(page.file.src_uri):
        page.meta.setdefault("search", {})["boost"] = boost
