"""Real gateways that replace a plugin when somebody has edited it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from servehttp.authoring.scaffold import Names, Template, create
from support.client import Broken, Client, connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

GREETING = "/plugins/com.example.hello/greeting"
CHANGES = "/.servehttp/changes/com.example.hello"


async def greeting(gateway: Gateway) -> str:
    answer = await fetch(gateway.port, GREETING)
    assert answer.status == 200
    return str(answer.json()["greeting"])


async def version_of_page(gateway: Gateway) -> str:
    answer = await fetch(gateway.port, "/plugins/com.example.hello/", headers=[("Sec-Fetch-Dest", "document")])
    found = re.search(rb'data-version="(.+)"></script>\n$', answer.body)
    assert found is not None, answer.body
    return found[1].decode()


async def told(page: Client) -> str:
    """The next version of which a page is told."""
    while not (piece := await page.piece() or b"").startswith(b"data: "):
        assert piece, "the stream has ended"
    return piece.removeprefix(b"data: ").strip().decode()


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
    async with (
        running(folder, "--reload", "--workers", str(workers)) as gateway,
        connect(gateway.port) as page,
    ):
        await becomes(gateway, "Hello, world!")
        first = await version_of_page(gateway)
        await page.start("GET", CHANGES)
        await page.end()
        await page.head()
        assert await told(page) == first
        edit(script, "Hello, {name}!", "Good day, {name}!")
        second = await told(page)
        assert await greeting(gateway) == "Good day, world!", "pages are told once the new version serves"
        assert await version_of_page(gateway) == second != first
        edit(script, "class Hello(Plugin):", "class Hello(Plugin")
        broken = await gateway.log(lambda entry: entry["event"].startswith("the new version does not run"))
        assert await greeting(gateway) == "Good day, world!"
        edit(script, "class Hello(Plugin", "class Hello(Plugin):")
        edit(script, "Good day, {name}!", "Good night, {name}!")
        await becomes(gateway, "Good night, world!")
        assert await gateway.stop() == 0
    for said in ("SyntaxError", "plugin.py", "line 13"):
        assert said in broken["reason"]


async def test_a_stream_of_events_does_not_hold_up_a_reload(tmp_path: Path) -> None:
    folder = create(Names.of("clock", None), Template.SSE, tmp_path)
    patient = {"SERVEHTTP_PLUGINS__DRAIN_TIMEOUT": str(2 * PATIENCE)}
    async with running(folder, "--reload", environment=patient) as gateway:
        for title in ("Edited once", "Edited twice"):
            async with connect(gateway.port) as client:
                await client.start("GET", "/plugins/com.example.clock/events")
                await client.end()
                await client.head()
                (folder / "page.html").write_text(title)
                async with asyncio.timeout(PATIENCE):
                    with pytest.raises(Broken):
                        await client.rest()
                    while (await fetch(gateway.port, "/plugins/com.example.clock/")).body != title.encode():
                        await asyncio.sleep(0.02)
