"""`servehttp check` starts a plugin far enough to find what would keep it from serving."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import run

GOOD = """
from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.routing import get


class Mine(Plugin):
    @hook(HookName.OnActivate)
    async def activate(self):
        open("activated", "w").close()

    @get("/{name}")
    async def page(self, request):
        ...


if __name__ == "__main__":
    run_plugin(Mine)
"""


def plugin(parent: Path, code: str) -> Path:
    folder = parent / "mine"
    folder.mkdir()
    server = {"runtime": "python", "executable": "plugin.py"}
    (folder / "plugin.json").write_text(json.dumps({"id": "com.example.mine", "server": server}))
    (folder / "plugin.py").write_text(code)
    return folder


def test_a_good_plugin_is_one_line_and_was_not_activated(tmp_path: Path) -> None:
    folder = plugin(tmp_path, GOOD)
    done = run("check", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"com.example.mine: {folder / 'plugin.py'}, Python 3.")
    assert not (folder / "activated").exists()


def test_a_package_of_its_requirements_that_is_not_there_is_told_with_how_to_install_it(tmp_path: Path) -> None:
    folder = plugin(tmp_path, f"import nothing\n{GOOD}")
    (folder / "requirements.txt").write_text("nothing\n")
    done = run("check", folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith(f"pip install -r {folder / 'requirements.txt'}\n")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("class Mine(Plugin):", "class Mine(Plugin", "plugin.py: line 6: SyntaxError"),
        ("\nfrom matter", "\nimport nothing\nfrom matter", "plugin.py: line 2: ModuleNotFoundError: No module named"),
        ("    run_plugin(Mine)", "    pass", "run_plugin"),
        ("async def activate(self)", "async def activate(self, a, b)", "activate"),
        ('@get("/{name}")', '@get("/{name:thing}")', "thing"),
    ],
    ids=["syntax", "dependency", "no run_plugin", "hook", "route"],
)
def test_what_would_keep_it_from_serving_is_told(tmp_path: Path, before: str, after: str, told: str) -> None:
    assert before in GOOD
    done = run("check", plugin(tmp_path, GOOD.replace(before, after, 1)))
    assert (done.returncode, done.stdout) == (3, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
