"""From an idea to a plugin that is installed, by commands alone, as somebody does who writes one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.client import fetch
from support.command import run
from support.gateway import Gateway, running
from support.patience import PATIENCE
from support.wheels import wheel, wheel_name

pytestmark = pytest.mark.anyio

ID = "com.example.shop"
GREETING = f"/plugins/{ID}/greeting"
OTHER = Path(__file__).parent / "plugins" / "subject"


async def command(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """What a command prints, which succeeds."""
    done = await asyncio.to_thread(run, *arguments, cwd=cwd, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


async def becomes(gateway: Gateway, wanted: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while (answer := await fetch(gateway.port, GREETING)).json() != {"greeting": wanted}:
            assert answer.status == 200
            await asyncio.sleep(0.02)


def run_tests_in(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


async def test_a_plugin_is_begun_edited_tested_built_and_installed_with_what_it_needs(tmp_path: Path) -> None:
    assert "shop is a plugin" in await command("new", "shop", cwd=tmp_path)
    folder = tmp_path / "shop"
    script = folder / "plugin.py"
    async with running(folder, "--reload") as gateway:
        await becomes(gateway, "Hello, world!")
        edit(script, "Hello, {name}!", "Good day, {name}!")
        await becomes(gateway, "Good day, world!")
        edit(script, "    run_plugin(", "    run_plugin")
        await gateway.log(lambda entry: entry["event"].startswith("the new version does not run"))
        await becomes(gateway, "Good day, world!")
        edit(script, "    run_plugin", "    run_plugin(")
        edit(script, "Good day, {name}!", "Hello, {name}!")
        await becomes(gateway, "Hello, world!")
    tested = await asyncio.to_thread(run_tests_in, folder)
    assert tested.returncode == 0, tested.stdout

    (folder / "wheels").mkdir()
    (folder / "wheels" / wheel_name("needed")).write_bytes(wheel("needed"))
    (folder / "requirements.txt").write_text("needed>=1\n")
    edit(script, "from pathlib import Path\n", "from pathlib import Path\n\nimport needed\n")
    edit(script, "Hello, {name}!", "Hello by {needed.VERSION}, {name}!")
    edit(
        script,
        "        return JSONResponse",
        '        print("somebody was greeted", flush=True)\n        return JSONResponse',
    )
    await command("build", folder, "-o", tmp_path / "shop.tar.gz")

    data = tmp_path / "data"
    settings = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_PLUGINS__INSTALL_DEPENDENCIES": "bundled"}
    async with running(OTHER, "--data-dir", data, environment=settings) as gateway:
        where = ("--url", f"http://127.0.0.1:{gateway.port}", "--data-dir", data)
        await command("plugin", "install", tmp_path / "shop.tar.gz", "--enable", *where)
        await becomes(gateway, "Hello by 1.0, world!")
        assert "somebody was greeted" in await command("plugin", "logs", ID, *where)
        assert ID in await command("plugin", "list", *where)
