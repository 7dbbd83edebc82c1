"""What the modules that are compiled must not do."""

from __future__ import annotations

import importlib
import inspect
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


def compiled_modules() -> list[str]:
    build = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    paths = build["targets"]["wheel"]["hooks"]["custom"]["modules"]
    return [".".join(Path(path).with_suffix("").parts[1:]) for path in paths]


@pytest.mark.parametrize("name", compiled_modules())
def test_no_class_has_a_base_with_slots_that_is_not_compiled(name: str) -> None:
    """A compiled class never gives back what an interpreted base keeps in slots: that stays in memory for good."""
    compiled = set(compiled_modules())
    classes = [item for _, item in inspect.getmembers(importlib.import_module(name), inspect.isclass)]
    bases = {base for item in classes if item.__module__ == name for base in item.__mro__}
    foreign = [base for base in bases if base.__module__ not in compiled and vars(base).get("__slots__")]
    assert not foreign
