"""A plugin that the gateway starts under debugpy."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from servehttp.authoring.scaffold import Names, Template, create
from support.client import Answer, Broken, fetch
from support.debugger import debugger
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

ID = "com.example.hello"
GREETING = f"/plugins/{ID}/greeting"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def line_of(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


async def becomes(gateway: Gateway, wanted: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while (answer := await fetch(gateway.port, GREETING)).status != 200 or answer.json()["greeting"] != wanted:
            await asyncio.sleep(0.05)


async def test_it_stands_still_where_the_debugger_says_and_is_replaced_and_stopped_all_the_same(tmp_path: Path) -> None:
    folder = create(Names.of("hello", None), Template.PAGE, tmp_path)
    script, port = folder / "plugin.py", free_port()
    environment = {"SERVEHTTP_PLUGINS__DEBUGPY": f"{ID}={port}", "SERVEHTTP_PLUGINS__STOP_TIMEOUT": "1"}
    async with running(folder, "--reload", environment=environment) as gateway:
        async with debugger(port) as first:
            await first.attach(script, line_of(script, "return JSONResponse"))
            asked: asyncio.Task[Answer] = asyncio.create_task(fetch(gateway.port, GREETING))
            thread = await first.stopped()
            assert not asked.done()
            first.resume(thread)
            assert (await asked).status == 200
        script.write_text(script.read_text().replace("Hello, {name}!", "Good day, {name}!"))
        await becomes(gateway, "Good day, world!")
        async with debugger(port) as second:
            await second.attach(script, line_of(script, "return JSONResponse"))
            asked = asyncio.create_task(fetch(gateway.port, GREETING))
            await second.stopped()
            assert await gateway.stop() == 0
            await asyncio.gather(asked, return_exceptions=True)
            assert asked.exception() is None or isinstance(asked.exception(), Broken)
        await gateway.wait_gone()
