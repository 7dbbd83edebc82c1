"""Every link within the documentation leads to a page that is there, and to a heading that is on it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from docs.pages import DOCS, PAGES, ROOT, anchors, links


def pages_in(entries: object) -> list[str]:
    """The pages that a part of the navigation names."""
    if isinstance(entries, str):
        return [entries]
    assert isinstance(entries, dict | list)
    parts = entries.values() if isinstance(entries, dict) else entries
    return [page for part in parts for page in pages_in(part)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_site_leads_to_every_page() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = pages_in(config["nav"])
    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_pages_of_the_site_link_to_nothing_outside_of_it() -> None:
    for page in DOCS.rglob("*.md"):
        for link in links(page):
            assert (page.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS), f"{page.name}: {link}"
