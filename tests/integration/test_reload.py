"""Real gateways that replace a plugin when somebody has edited it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from servehttp.authoring.scaffold import Names, Template, create
from support.client import fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

GREETING = "/plugins/com.example.hello/greeting"


async def greeting(gateway: Gateway) -> str:
    answer = await fetch(gateway.port, GREETING)
    assert answer.status == 200
    return str(answer.json()["greeting"])


async def becomes(gateway: Gateway, wanted: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while await greeting(gateway) != wanted:
            await asyncio.sleep(0.02)


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


@pytest.mark.parametrize("workers", [1, 2])
async def test_an_edit_is_served_and_a_broken_one_leaves_what_was_there(tmp_path: Path, workers: int) -> None:
    folder = create(Names.of("hello", None), Template.PAGE, tmp_path)
    script = folder / "plugin.py"
    async with running(folder, "--reload", "--workers", str(workers)) as gateway:
        await becomes(gateway, "Hello, world!")
        edit(script, "Hello, {name}!", "Good day, {name}!")
        await becomes(gateway, "Good day, world!")
        edit(script, "class Hello(Plugin):", "class Hello(Plugin")
        broken = await gateway.log(lambda entry: entry["event"].startswith("the new version does not run"))
        assert await greeting(gateway) == "Good day, world!"
        edit(script, "class Hello(Plugin", "class Hello(Plugin):")
        edit(script, "Good day, {name}!", "Good night, {name}!")
        await becomes(gateway, "Good night, world!")
        assert await gateway.stop() == 0
    for told in ("SyntaxError", "plugin.py", "line 13"):
        assert told in broken["reason"]
