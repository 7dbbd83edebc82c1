"""By what settings a plugin runs under a debugger, and what is said where it cannot."""

from __future__ import annotations

import venv
from pathlib import Path

import pytest

from servehttp.authoring.debugging import NEVER, settings_under_debugger
from servehttp.authoring.scaffold import Names, Template, create
from servehttp.errors import InterpreterError
from servehttp.operating.options import load_settings
from servehttp.plugins.factory import find_command, supervision_policy
from support.command import run
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

ID = "com.example.hello"


def plugin(parent: Path, name: str = "hello") -> Path:
    return create(Names.of(name, None), Template.PAGE, parent)


def test_nothing_that_it_does_takes_too_long_but_for_its_end(tmp_path: Path) -> None:
    settings = load_settings(None, settings_under_debugger([plugin(tmp_path)], 5678))
    policy = supervision_policy(settings.plugins, ID)
    for seconds in (
        policy.start_timeout,
        policy.connect_timeout,
        policy.hook_timeout,
        policy.health_interval,
        settings.limits.first_byte_timeout,
        settings.limits.idle_timeout,
        settings.workspace.hook_timeout,
    ):
        assert seconds == NEVER
    assert policy.deactivate_timeout == policy.stop_timeout < NEVER
    assert settings.plugins.debugpy == {ID: 5678}


@pytest.mark.parametrize("folders", [["hello", "other"], ["empty"]])
def test_it_is_for_one_plugin(tmp_path: Path, folders: list[str]) -> None:
    plugin(tmp_path), plugin(tmp_path, "other")
    (tmp_path / "empty").mkdir()
    done = run("dev", *(tmp_path / folder for folder in folders), "--debugpy", "5678")
    assert done.returncode in (2, 3)
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


async def command(folder: Path, debug_port: int | None) -> tuple[str, ...]:
    found = await find_command(folder, PATIENCE, {}, None, None, debug_port=debug_port)
    return found.arguments


async def test_debugpy_runs_its_script_or_its_application(tmp_path: Path) -> None:
    folder = plugin(tmp_path)
    manifest = folder / "plugin.json"
    for ran in (("plugin.py",), ("-m", "mattermost_plugin", "plugin:app")):
        interpreter, *rest = await command(folder, None)
        assert rest == list(ran)
        under = await command(folder, 5678)
        assert (under[0], under[-4 - len(ran) :]) == (
            interpreter,
            ("-m", "debugpy", "--listen", "127.0.0.1:5678", *ran),
        )
        manifest.write_text(manifest.read_text().replace('"executable": "plugin.py"', '"app": "plugin:app"'))


async def test_where_debugpy_is_missing_it_says_what_to_install(tmp_path: Path) -> None:
    folder = plugin(tmp_path)
    venv.create(folder / ".venv", symlinks=True)
    with pytest.raises(InterpreterError, match=r"has no debugpy.*\.venv/bin/python -m pip install debugpy"):
        await command(folder, 5678)
