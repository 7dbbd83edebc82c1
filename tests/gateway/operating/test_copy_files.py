"""`servehttp copy-files`, between folders; the places themselves are tested with the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import run


def test_files_are_copied_and_not_twice(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "a").write_bytes(b"one")
    command = ("copy-files", f"file:{tmp_path}/from", f"file:{tmp_path}/to")
    done = run(*command)
    assert (done.returncode, done.stdout) == (0, f"file:{tmp_path}/to: copied 1, 3 bytes; there already: 0\n")
    assert (tmp_path / "to" / "a").read_bytes() == b"one"
    assert "copied 0, 0 bytes; there already: 1" in run(*command).stdout


@pytest.mark.parametrize(
    ("source", "says"),
    [("file:/nowhere/at/all", "there is no folder"), ("nowhere", "of the forms"), ("", "of the forms")],
)
def test_a_place_that_is_none_is_told(tmp_path: Path, source: str, says: str) -> None:
    done = run("copy-files", source, f"file:{tmp_path}/to")
    assert done.returncode != 0
    assert says in done.stderr
    assert not (tmp_path / "to").exists()
