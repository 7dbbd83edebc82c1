"""`servehttp config` tells each setting with its origin, no password, and everything that is wrong at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from servehttp.cli import app
from servehttp.settings.shown import mask_url
from servehttp.settings.sources import every_setting
from servehttp.workspace.settings import Settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.upper().startswith("SERVEHTTP_"):
            monkeypatch.delenv(variable)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["config", *map(str, arguments)], env={"COLUMNS": "200"})


def rows(*arguments: str | Path) -> dict[str, tuple[Any, str]]:
    result = run("show", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return {row["name"]: (row["value"], row["origin"]) for row in json.loads(result.stdout)}


def test_every_setting_is_shown_with_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "a.toml"
    config.write_text("[server]\nport = 1\nroot_path = '/a'\n[plugins]\nreplicas = {'com.a' = 2}\n")
    monkeypatch.setenv("SERVEHTTP_LIMITS__MAX_BODY_SIZE", "1 MiB")
    found = rows("--config", config, "--port", "2")
    assert list(found) == [name for name, _ in every_setting(Settings)]
    assert found["server.port"] == (2, "command line")
    assert found["server.root_path"] == ("/a", str(config))
    assert found["plugins.replicas"] == ({"com.a": 2}, str(config))
    assert found["limits.max_body_size"] == (1024 * 1024, "SERVEHTTP_LIMITS__MAX_BODY_SIZE")
    assert found["server.host"] == ("127.0.0.1", "default")


def test_what_has_its_default_can_be_left_out() -> None:
    result = run("show", "--set-only", "plugins", "--log-level", "debug")
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert lines == [["log.level", '"debug"  (command line)'], ["plugins.paths", '["plugins"]  (command line)']]


def test_passwords_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVEHTTP_WORKSPACE__DATABASE_URL", "postgresql://me:planted@host/name?sslpassword=planted")
    result = run("show")
    assert "planted" not in result.stdout
    assert "postgresql://me:***@host/name?sslpassword=***" in result.stdout


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("", ""),
        ("postgresql://host/name", "postgresql://host/name"),
        ("postgresql://me@host:5432/name", "postgresql://me@host:5432/name"),
        ("postgresql://me:a@b/c:d@host/name", "postgresql://me:***@host/name"),
        (
            "postgresql:///name?user=me&PassWord=a&sslkey=b&x=y",
            "postgresql:///name?user=me&PassWord=***&sslkey=***&x=y",
        ),
    ],
)
def test_of_a_url_only_what_is_secret_is_masked(url: str, masked: str) -> None:
    assert mask_url(url) == masked


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "a.toml"
    config.write_text("log = 1\n[server]\nprot = 1\nworkers = 0\n")
    monkeypatch.setenv("SERVEHTTP_LIMITS__IDLE_TIMEOUT", "soon")
    monkeypatch.setenv("SERVEHTTP_NOPE", "1")
    result = run("check", "--config", config, "--forwarded-allow-ips", "proxy")
    assert (result.exit_code, result.stdout) == (2, "")
    assert set(result.stderr.splitlines()) == {
        "error: SERVEHTTP_LIMITS__IDLE_TIMEOUT: limits.idle_timeout is 'soon': input should be a valid number, "
        "unable to parse string as a number",
        "error: SERVEHTTP_NOPE: there is no such setting; did you mean SERVEHTTP_TOKEN?",
        f"error: {config}: log is a group of settings: write it as a table, [log]",
        f"error: {config}: server.workers is 0: input should be greater than or equal to 1",
        f"error: {config}: there is no setting server.prot; did you mean server.port?",
        "error: command line: server.forwarded_allow_ips.0: 'proxy' is neither an IP address, nor a network such as "
        "10.0.0.0/8, nor *",
    }


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    result = run("check", "--config", tmp_path / "none.toml")
    assert (result.exit_code, result.stderr) == (
        2,
        f"error: {tmp_path / 'none.toml'}: cannot be read: No such file or directory\n",
    )


def test_good_settings_end_with_0() -> None:
    result = run("check", "--port", "80")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "The settings are good.\n", "")
