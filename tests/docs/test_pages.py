"""The pages do what they say: their programs run, and their consoles print what they show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.console import Session
from docs.pages import PAGES, ROOT, blocks

pytestmark = pytest.mark.timeout(180)

EXECUTED = [page for page in PAGES if any(block.language == "python" or block.mark for block in blocks(page))]
MARKS = {"", "fragment", "runs", "serves", "beside"}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    yield session
    session.close()


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_page_does_what_it_says(page: Path, session: Session) -> None:
    if shutil.which("curl") is None and any("curl " in block.text for block in blocks(page)):
        pytest.skip("the page asks with curl, which is not here")
    for block in blocks(page):
        session.execute(block)


def test_no_mark_is_misspelt() -> None:
    assert {block.mark for page in PAGES for block in blocks(page)} <= MARKS


def test_the_guide_and_the_quickstart_are_executed() -> None:
    names = {page.name for page in EXECUTED}
    assert {"README.md", "quickstart.md", "python-plugins.md", "api.md", "deployment.md"} <= names
