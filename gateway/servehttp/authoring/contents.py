"""Which files of a plugin's folder belong into its bundle."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from servehttp.errors import BundleError

RULES_FILE = ".bundleignore"
LEFT_OUT = (
    ".*",
    "__pycache__/",
    "*.py[co]",
    "*.egg-info/",
    "/tests/",
    "test_*.py",
    "conftest.py",
    "/venv/",
    "node_modules/",
    "/build/",
    "/dist/",
)
"""Before the rules of the folder's own `.bundleignore`, which may take each of them back with `!`; as .gitignore."""
MOST_FILES = 10_000
"""Files of a bundle. More is nobody's plugin, but a folder that was not meant."""


def contents(folder: Path) -> list[str]:
    """The files that belong into the bundle, as paths below the folder with `/`, in order.

    Raises:
        BundleError: there are too many, or one of them is a link that leads out of the folder, or no plain file; or the
            folder's rules are none.
        OSError: the folder cannot be read.
    """
    rules = left_out(folder)
    files: list[str] = []
    for path in _walk(folder, "", rules):
        if len(files) >= MOST_FILES:
            raise BundleError(f"{folder} has more than {MOST_FILES} files; leave some out in {RULES_FILE}")
        _check(folder, path)
        files.append(path)
    return sorted(files)


def left_out(folder: Path) -> GitIgnoreSpec:
    """The rules, its own among them, by which paths below the folder are none of the plugin's own.

    Raises:
        BundleError: one of the folder's own is none.
        OSError: these cannot be read.
    """
    return GitIgnoreSpec.from_lines([*LEFT_OUT, *_own_rules(folder)])


def _own_rules(folder: Path) -> list[str]:
    file = folder / RULES_FILE
    if not file.is_file():
        return []
    try:
        rules = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BundleError(f"{file} is not UTF-8 text (byte {error.start})") from None
    for number, rule in enumerate(rules, 1):
        try:
            GitIgnoreSpec.from_lines([rule])
        except (ValueError, re.error):
            raise BundleError(f"line {number} of {file} is {rule!r:.100}, which is no rule of a .gitignore") from None
    return rules


def _walk(folder: Path, below: str, rules: GitIgnoreSpec) -> Iterator[str]:
    with os.scandir(folder / below) as entries:
        for entry in entries:
            path = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                if not rules.match_file(f"{path}/"):
                    yield from _walk(folder, f"{path}/", rules)
            elif not rules.match_file(path):
                yield path


def _check(folder: Path, path: str) -> None:
    real = (folder / path).resolve()
    if not real.is_relative_to(folder.resolve()):
        raise BundleError(f"{folder / path} leads out of the plugin's folder; copy what it leads to, or leave it out")
    if not real.is_file():
        raise BundleError(f"{folder / path} is no plain file; leave it out in {RULES_FILE}")
