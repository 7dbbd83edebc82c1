"""What the console does to plugins: by the workspace's API, with the rights of who asks, or without one by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import quote

import structlog

from servehttp.console.inside import Inside
from servehttp.console.overview import Overview
from servehttp.console.problems import Problem
from servehttp.errors import PluginStartError
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState

T = TypeVar("T")

log = structlog.get_logger("servehttp.console")


class Actions:
    """Does it. What was begun goes on to its end, whoever still waits for it.

    Args:
        registry: the plugins.
        overview: knows them by id.
    """

    def __init__(self, registry: Registry, overview: Overview) -> None:
        self._registry = registry
        self._overview = overview
        self._work: set[asyncio.Task[Any]] = set()

    async def restart(self, plugin_id: str, workspace: Inside | None) -> None:
        """Start a plugin anew, one replica after the other; returns when all have had their turn.

        Args:
            plugin_id: which.
            workspace: its API, for who asks; None where there is none.

        Raises:
            Problem: 404; 400, it is stopped; 500, it does not come up again; and what the workspace refuses by.
        """
        await self._do(plugin_id, "restart", workspace)

    async def reset(self, plugin_id: str, workspace: Inside | None) -> None:
        """Start again what of a plugin was given up, or rests after a failure; returns when it runs.

        Args:
            plugin_id: which.
            workspace: its API, for who asks; None where there is none.

        Raises:
            Problem: 404; 400, it is stopped; 500, it does not start; and what the workspace refuses by.
        """
        await self._do(plugin_id, "reset", workspace)

    async def by_workspace(self, workspace: Inside, method: str, path: str, body: object = None) -> Any:
        """Have the workspace's API do something.

        Args:
            workspace: the API, for who asks.
            method: of HTTP.
            path: below /api/v4.
            body: becomes JSON, unless it is None.

        Raises:
            Problem: it refuses.
        """
        return await self._to_the_end(workspace.send(method, path, body))

    async def close(self) -> None:
        """Wait for what was begun."""
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _do(self, plugin_id: str, what: str, workspace: Inside | None) -> None:
        self._overview.handle(plugin_id)
        if workspace is not None:
            await self.by_workspace(workspace, "POST", f"/plugins/{quote(plugin_id, safe='')}/{what}")
        else:
            await self._to_the_end(self._alone(plugin_id, what))
        log.info(f"plugin was told to {what}", plugin=plugin_id)

    async def _alone(self, plugin_id: str, what: str) -> None:
        plugin = self._overview.handle(plugin_id)
        if plugin.state is PluginState.STOPPED:
            raise Problem(400, "The plugin is stopped.")
        try:
            await (self._registry.restart(plugin) if what == "restart" else self._registry.start_one(plugin))
        except PluginStartError:
            raise Problem(500, "The plugin did not start.") from None

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return await asyncio.shield(task)
