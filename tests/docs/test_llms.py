"""What llms.txt on the site says of a page."""

from __future__ import annotations

import importlib.util
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from docs.pages import DOCS


@pytest.fixture(scope="module")
def llms() -> ModuleType:
    spec = importlib.util.spec_from_file_location("llms", DOCS / "llms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("<h1>Title</h1>\n<p>One &amp; <a href='x'>two</a>\nthree. Four.</p>", "One & two three."),
        ("<p>By <code>servehttp.toml</code>, say: a file.</p>", "By servehttp.toml, say: a file."),
        ("<p>These are they:</p><ul></ul>", "These are they"),
        ("<h1>Title</h1>", ""),
    ],
)
def test_a_pages_first_sentence_is_plain_text(llms: ModuleType, content: str, sentence: str) -> None:
    assert llms.first_sentence(content) == sentence


def test_the_file_follows_the_navigation(llms: ModuleType) -> None:
    def page(title: str) -> Any:
        llms.on_page_content(f"<p>{title} first. More.</p>", SimpleNamespace(url=f"{title}.html"), None, None)
        return SimpleNamespace(is_page=True, is_section=False, title=title, url=f"{title}.html")

    section = SimpleNamespace(is_page=False, is_section=True, title="Start", children=[page("b"), page("c")])
    assert list(llms.entries([page("a"), section])) == [
        "- [a](a.html): a first.",
        "",
        "## Start",
        "",
        "- [b](b.html): b first.",
        "- [c](c.html): c first.",
    ]
