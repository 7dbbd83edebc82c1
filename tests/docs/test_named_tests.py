"""The tests that the documentation names as what holds a bound are there."""

from __future__ import annotations

import re

from docs.pages import DOCS, ROOT

_ROW = re.compile(r"^\|.*\| (?P<tests>[^|]*test_[^|]*) \|$", re.MULTILINE)


def test_each_bound_is_held_by_a_test_that_is_there() -> None:
    rows = _ROW.findall((DOCS / "operating.md").read_text())
    assert rows
    for row in rows:
        first, *others = row.split(", ")
        folder = first.rpartition("/")[0]
        for name in (first, *(other if "/" in other else f"{folder}/{other}" for other in others)):
            assert (ROOT / "tests" / f"{name}.py").is_file(), name
