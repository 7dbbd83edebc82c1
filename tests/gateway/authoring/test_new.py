"""`servehttp new`: a plugin to begin with, which is good as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from servehttp.authoring.scaffold import Names, ScaffoldError, Template, create
from servehttp.plugins.manifest import load_manifest
from servehttp.settings.gateway import GatewaySettings
from support.client import fetch
from support.command import run
from support.gateway import running


@pytest.fixture(params=list(Template))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return create(Names.of("my-plugin"), request.param, tmp_path)


def test_its_tests_pass(made: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=made, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing(made: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."], cwd=made, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_nothing_of_the_template_is_left_in_it(made: Path) -> None:
    for file in made.iterdir():
        assert "template" not in file.read_text(encoding="utf-8").lower(), file.name
    assert load_manifest(made).id == "com.example.my-plugin"


def test_git_leaves_out_what_a_gateway_keeps_in_it(made: Path) -> None:
    kept = f"{GatewaySettings().data_dir}/"
    assert kept in (made / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.anyio
async def test_all_of_them_serve(tmp_path: Path) -> None:
    workspace = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_DATA_DIR": str(tmp_path / "data")}
    made = [create(Names.of(f"my-{template}"), template, tmp_path) for template in Template]
    async with running(*made, environment=workspace) as gateway:
        ready = (await fetch(gateway.port, "/readyz?verbose")).json()
        assert {plugin["id"]: plugin["state"] for plugin in ready["plugins"]} == {
            f"com.example.my-{template}": "running" for template in Template
        }


def test_it_is_made_by_the_command_below_the_present_folder(tmp_path: Path) -> None:
    done = run("new", "notes", "--template", "api", "--id", "org.example.notes", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "servehttp dev notes" in done.stdout
    assert load_manifest(tmp_path / "notes").id == "org.example.notes"
    assert run("check", tmp_path / "notes").returncode == 0


def test_what_it_needs_beside_is_told(tmp_path: Path) -> None:
    assert "pip install -r events/requirements.txt" in run("new", "events", "--template", "sse", cwd=tmp_path).stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    done = run("new", "notes", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        1, "error: notes is there already, and nothing is overwritten; choose another name\n",
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == [tmp_path / "notes"]


@pytest.mark.parametrize("name", ["", "n", "7up", "a/b", "../up", "a b", "a" * 62, "naïve", "x\n"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ScaffoldError, match="cannot be the name of a plugin; use a letter and then 1 to 60"):
        Names.of(name)


def test_what_cannot_be_an_id_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="the id is 'no id'"):
        create(Names.of("notes", "no id"), Template.PAGE, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "class_name", "title"),
    [("my-notes", "MyNotes", "My notes"), ("none", "NonePlugin", "None"), ("plugin", "PluginPlugin", "Plugin")],
)
def test_a_class_is_named_after_it(name: str, class_name: str, title: str) -> None:
    names = Names.of(name)
    assert (names.class_name, names.title) == (class_name, title)
