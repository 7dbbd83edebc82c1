"""`servehttp user …` in a data folder, with and without a gateway that serves it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from servehttp.operating.rest_client import RestClient, RestError, Token
from servehttp.workspace.settings import Settings
from servehttp.workspace.workspace import open_workspace
from support.operated import Operated, operated, serving

__all__ = ["operated", "serving"]

PASSWORD = "correct horse battery"


def user(data_dir: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SERVEHTTP_")}
    return subprocess.run(
        [sys.executable, "-m", "servehttp", "user", *arguments, "--data-dir", str(data_dir)],
        input=typed,
        env={**inherited, "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def log_in(url: str, username: str, password: str) -> Any:
    login = {"login_id": username, "password": password}
    return RestClient(url, Token("", "nowhere")).call("POST", "/users/login", login)


def test_who_is_added_while_a_gateway_runs_can_log_in_at_once(operated: Operated) -> None:
    url, data_dir = operated.gateway.url, operated.gateway.data_dir
    done = user(data_dir, "add", "ada", typed=f"{PASSWORD}\n")
    assert (done.returncode, done.stdout) == (0, "ada <ada@localhost.localdomain> is added\n")
    assert log_in(url, "ada", PASSWORD)["roles"] == "system_user"
    done = user(data_dir, "add", "grace", "--admin", "--email", "grace@example.com", typed=f"{PASSWORD}\n")
    assert log_in(url, "grace", PASSWORD)["roles"] == "system_admin system_user"

    assert user(data_dir, "password", "ada", typed=f"{PASSWORD}!\n").stdout == "ada has another password\n"
    assert log_in(url, "ada", f"{PASSWORD}!")["username"] == "ada"
    with pytest.raises(RestError) as refused:
        log_in(url, "ada", PASSWORD)
    assert refused.value.status == 401


def test_a_token_is_printed_or_kept_where_the_other_commands_find_it(operated: Operated) -> None:
    data_dir = operated.gateway.data_dir
    token = user(data_dir, "token").stdout.strip()
    assert operated.run("list", "--token", token).returncode == 0
    file = data_dir / "admin-token"
    file.unlink()
    assert "keep one with `servehttp user token --save`" in operated.refused("list")
    assert user(data_dir, "token", "--save").stdout == f"the token of admin is in {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    operated.ok("list")


@pytest.fixture
async def data_dir(tmp_path: Path) -> AsyncIterator[Path]:
    async with open_workspace(tmp_path, Settings().workspace):
        yield tmp_path


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "typed", "says"),
    [
        (["add", "ada"], "", "nothing was typed, and no line came on standard input; nothing was changed"),
        (["add", "ada"], "short\n", "password"),
        (["add", "a b"], f"{PASSWORD}\n", "username"),
        (["add", "ada", "--email", "nowhere"], f"{PASSWORD}\n", "email"),
        (["password", "nobody"], f"{PASSWORD}\n", "there is no user 'nobody' in the workspace"),
        (["token", "nobody"], "", "there is no user 'nobody' in the workspace"),
    ],
)
async def test_what_cannot_be_done_is_one_line(data_dir: Path, arguments: list[str], typed: str, says: str) -> None:
    done = user(data_dir, *arguments, typed=typed)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert says in line.lower()


def test_a_folder_without_a_workspace_gets_none(tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    for arguments in (["add", "ada"], ["password", "ada"], ["token", "--save"]):
        done = user(folder, *arguments, typed="")
        [line] = done.stderr.splitlines()
        assert line.startswith(f"error: there is no workspace in {folder}")
    assert not folder.exists()


def test_a_password_has_no_place_on_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "servehttp", "user", "add", "ada", "--password", "x"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "No such option" in done.stderr) == (2, True)
