from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest

from servehttp.plugins.environment import inherited, make_socket_folder, remove_socket_folder

LONGEST_SOCKET_PATH = 103


def test_only_what_is_on_the_list_is_inherited() -> None:
    source = {"PATH": "/bin", "LC_TIME": "C", "DB_PASSWORD": "x", "PYTHONPATH": "/p", "MATTERMOST_PLUGIN_ID": "other"}
    assert inherited(source) == {"PATH": "/bin", "LC_TIME": "C"}


def test_further_names_and_patterns_can_be_allowed() -> None:
    source = {"AWS_REGION": "eu", "AWS_KEY": "k", "AWSOME": "no", "OTHER": "no"}
    assert inherited(source, ["AWS_*"]) == {"AWS_REGION": "eu", "AWS_KEY": "k"}


def test_names_are_compared_by_case() -> None:
    assert inherited({"path": "/bin"}) == {}


def test_the_socket_folder_is_for_its_owner_alone() -> None:
    folder = make_socket_folder()
    try:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        remove_socket_folder(folder)
    assert not folder.exists()


def test_a_socket_fits_even_where_the_folder_for_temporary_files_has_a_long_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = make_socket_folder()
    try:
        assert len(str(folder / "plugin1234567890123456789")) <= LONGEST_SOCKET_PATH
    finally:
        remove_socket_folder(folder)
