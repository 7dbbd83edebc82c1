"""An example's plugin that tells besides how many tasks and requests it has open, at `/watched`.

As a program it is the script of such a plugin; the example's name is the end of the plugin's id.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from starlette.middleware import Middleware
from starlette.responses import JSONResponse

from harness.examples import EXAMPLES, load
from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.types import ASGIApp, Receive, Scope, Send

PATH = "/watched"


class Watch:
    """Counts what is open in an application, without the request that asks for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["path"].removeprefix(scope["root_path"]) == PATH:
            told = JSONResponse({"tasks": len(asyncio.all_tasks()), "requests": self._open})
            await told(scope, receive, send)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1


def watched(plugin: type[Plugin]) -> type[Plugin]:
    """A plugin of the same kind that is watched."""
    return type(plugin.__name__, (plugin,), {"middleware": [Middleware(Watch)]})


def make_folders(folder: Path, examples: Sequence[str]) -> tuple[Path, ...]:
    """A plugin's folder for each of these examples, below a folder, with the example's id."""
    made = []
    for example in examples:
        plugin = folder / example
        plugin.mkdir()
        shutil.copy(EXAMPLES / example / "plugin.json", plugin)
        shutil.copy(__file__, plugin / "plugin.py")
        made.append(plugin)
    return tuple(made)


def plugin_of(example: str) -> type[Plugin]:
    """The plugin of an example."""
    found = vars(load(example, "plugin")).values()
    return next(value for value in found if isinstance(value, type) and issubclass(value, Plugin) and value != Plugin)


if __name__ == "__main__":
    run_plugin(watched(plugin_of(os.environ["MATTERMOST_PLUGIN_ID"].rpartition(".")[2])))
