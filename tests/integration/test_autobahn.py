"""Autobahn's cases for WebSockets against a gateway and a plugin that echoes, both processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from kosoku import FailureError, run_fuzzingclient

from support.gateway import running

pytestmark = pytest.mark.anyio

TOO_LONG = ("9.*", "12.*", "13.*")
"""Cases of many megabytes, and of thousands of compressed messages: minutes, of which a sample has to do."""
SAMPLE = ("9.1.1", "9.2.1", "9.3.1", "9.5.1", "9.7.1", "12.1.1", "12.1.3", "12.2.2", "13.1.1", "13.3.1")

PLUGIN = """
from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import websocket


class Echo(Plugin):
    @websocket("/")
    async def echo(self, socket):
        await socket.accept()
        while (event := await socket.receive())["type"] == "websocket.receive":
            await socket.send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})


run_plugin(Echo)
"""


STAND_IN = "pkg_resources"
"""kosoku brings a module of its own under this name, which others, pytest among them, would take for setuptools'."""


@pytest.fixture(autouse=True)
def _stand_in_stays_here() -> Iterator[None]:
    if KEPT:
        sys.modules[STAND_IN] = KEPT[0]
    yield
    if STAND_IN in sys.modules:
        KEPT[:] = [sys.modules.pop(STAND_IN)]


KEPT: list[ModuleType] = []


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    (tmp_path / "plugin.json").write_text(
        '{"id": "com.example.echo", "server": {"runtime": "python", "executable": "plugin.py"}}'
    )
    (tmp_path / "plugin.py").write_text(PLUGIN)
    return tmp_path


async def failures(port: int, cases: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> dict[str, str]:
    """What does not pass, by case."""
    url = f"ws://127.0.0.1:{port}/plugins/com.example.echo/"
    try:
        results = await run_fuzzingclient(url, cases or None, without or None, concurrency=8)
    except FailureError as error:
        results = error.results
    bad = ("FAILED", "ERROR", "UNIMPLEMENTED", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT")
    assert results
    return {
        result.case_id: f"{result.behavior.value}, {result.behavior_close.value}"
        for result in results
        if result.behavior.value in bad or result.behavior_close.value in bad
    }


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # kosoku's own
@pytest.mark.parametrize("parser", ["httptools", "h11"])
async def test_no_case_fails(echo: Path, parser: str) -> None:
    async with running(echo, "--http", parser) as gateway:
        assert await failures(gateway.port, without=TOO_LONG) == {}
        assert await failures(gateway.port, SAMPLE) == {}
