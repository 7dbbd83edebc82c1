"""What the modules that are compiled must not do."""

from __future__ import annotations

import ast
import importlib
import inspect
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


WAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)


def compiled_files() -> list[str]:
    build = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    paths: list[str] = build["targets"]["wheel"]["hooks"]["custom"]["modules"]
    return paths


def compiled_modules() -> list[str]:
    return [".".join(Path(path).with_suffix("").parts[1:]) for path in compiled_files()]


@pytest.mark.parametrize("path", compiled_files())
def test_nothing_waits_while_it_handles_an_exception(path: str) -> None:
    """A compiled coroutine has no exception state of its own: what it handles while it waits is everybody's.

    Exceptions of others then have it as their context, and keep all that it refers to.
    """
    tree = ast.parse((PROJECT / path).read_text())
    tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
    handling = [part for node in tries for part in (*node.handlers, *node.finalbody)]
    waiting = [node.lineno for part in handling for node in ast.walk(part) if isinstance(node, WAITS)]
    assert waiting == []
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.AsyncWith)]  # its end waits in one


@pytest.mark.parametrize("name", compiled_modules())
def test_no_class_has_a_base_with_slots_that_is_not_compiled(name: str) -> None:
    """A compiled class never gives back what an interpreted base keeps in slots: that stays in memory for good."""
    compiled = set(compiled_modules())
    classes = [item for _, item in inspect.getmembers(importlib.import_module(name), inspect.isclass)]
    bases = {base for item in classes if item.__module__ == name for base in item.__mro__}
    foreign = [base for base in bases if base.__module__ not in compiled and vars(base).get("__slots__")]
    assert not foreign
