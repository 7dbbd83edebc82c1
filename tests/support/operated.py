"""A gateway that runs, and the commands that manage it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servehttp.operating.rest_client import RestClient, Token
from servehttp.testing.gateway import Gateway, running_gateway
from support.bundles import plugin_bundle
from support.command import run

PROGRAM = b"""
import os, sys
from starlette.responses import PlainTextResponse
from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get

class Talking(Plugin):
    @get("/say")
    async def say(self, request):
        for number in range(int(request.query_params.get("times", "1"))):
            print(f"said {request.query_params['text']} {number}", flush=True)
        return PlainTextResponse("VERSION")

    @get("/die")
    async def die(self, request):
        os._exit(7)

run_plugin(Talking)
"""
FAILING = b"import sys\nsys.exit('no luck today')\n"
SETTINGS = {
    "settings": [
        {"key": "Colour", "type": "dropdown", "default": "red", "options": [{"value": "red"}, {"value": "blue"}]},
        {"key": "Count", "type": "number", "default": 3},
        {"key": "ApiKey", "type": "text", "secret": True},
    ]
}
TALKING = "com.example.talking"


class Operated:
    """A gateway, and somebody at its machine.

    Attributes:
        folder: where one may put files.
    """

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway = gateway
        self.folder = folder

    def run(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """`servehttp plugin …`, with the token of the data folder."""
        return run("plugin", *arguments, cwd=None, **(self.environment() | environment))

    def environment(self) -> dict[str, str]:
        """Where the commands find the gateway, and the token."""
        return {"SERVEHTTP_URL": self.gateway.url, "SERVEHTTP_DATA_DIR": str(self.gateway.data_dir)}

    def ok(self, *arguments: str | Path) -> str:
        """What a command prints that ends well."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def refused(self, *arguments: str | Path, **environment: str) -> str:
        """The line of a command that fails."""
        done = self.run(*arguments, **environment)
        assert (done.returncode, done.stdout) == (1, "")
        [line] = done.stderr.splitlines()
        return line

    def bundle(self, plugin_id: str, program: bytes = PROGRAM, version: str = "1.0.0") -> Path:
        file = self.folder / f"{plugin_id}-{version}.tar.gz"
        file.write_bytes(plugin_bundle(plugin_id, program, version))
        return file


def talking(folder: Path) -> Path:
    """A plugin that prints what it is told to."""
    folder.mkdir()
    server = {"runtime": "python", "executable": "plugin.py"}
    manifest = {"id": TALKING, "name": "Talking", "version": "1.2.3", "server": server, "settings_schema": SETTINGS}
    (folder / "plugin.json").write_text(json.dumps(manifest))
    (folder / "plugin.py").write_bytes(PROGRAM)
    return folder


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for all tests of a module, for each takes seconds to come up."""
    with running_gateway(talking(tmp_path_factory.mktemp("plugins") / "talking")) as gateway:
        yield gateway


@pytest.fixture
def operated(serving: Gateway, tmp_path: Path) -> Iterator[Operated]:
    """It, with nothing installed in it and nothing set."""
    yield Operated(serving, tmp_path)
    rest = RestClient(serving.url, Token(serving.admin_token, "the data folder"))
    for status in rest.call("GET", "/plugins/statuses"):
        if status["plugin_id"] != TALKING:
            rest.call("DELETE", f"/plugins/{status['plugin_id']}")
    rest.call("PUT", f"/plugins/{TALKING}/settings/patch", dict.fromkeys(("Colour", "Count", "ApiKey")))
