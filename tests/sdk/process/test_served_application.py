"""`python -m mattermost_plugin MODULE:ATTRIBUTE`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from mattermost_plugin import Plugin

class Own(Plugin):
    pass

number = 7

async def app(scope, receive, send):
    pass
"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    (folder / "web.py").write_text(MODULE)
    (folder / "broken.py").write_text("import not_there_at_all")
    command = [sys.executable, "-m", "mattermost_plugin", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={"PATH": "/bin", "PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(("name", "plugin"), [("web:Own", "Own"), ("web:app", "web")])
def test_without_a_host_it_says_how_to_serve(name: str, plugin: str, tmp_path: Path) -> None:
    code, said = run(tmp_path, name)
    assert code == 1
    assert said.startswith(f"{plugin} is a plugin: a host starts it, and none did")
    assert f"python -m mattermost_plugin {name} --listen" in said


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("web", "'web' names no application: write MODULE:ATTRIBUTE"),
        ("web:gone", "web has no gone"),
        ("web:app.gone", "web has no app.gone"),
        ("web:number", "web:number is 7, which is neither an ASGI application nor a plugin's class"),
        ("gone:app", "there is no module gone for gone:app"),
        ("gone.web:app", "there is no module gone.web for gone.web:app"),
        ("broken:app", "ModuleNotFoundError: No module named 'not_there_at_all'"),
    ],
)
def test_what_cannot_be_served_is_named(name: str, problem: str, tmp_path: Path) -> None:
    code, said = run(tmp_path, name)
    assert code == 1
    assert problem in said.splitlines()[-1]
