"""All hooks, as the workspace fires them: verdicts, notifications, and questions to each or to one plugin."""

from __future__ import annotations

from functools import partial
from typing import Any

from mattermost_plugin.models import PluginContext
from servehttp.workspace.hooks.background import Background
from servehttp.workspace.hooks.callers import HookCaller, HookFailed
from servehttp.workspace.hooks.requests import NOTIFICATIONS, request
from servehttp.workspace.hooks.verdicts import Verdicts


class Hooks(Verdicts):
    """The hooks of every registered plugin; with none registered, nothing is refused and nothing happens.

    Args:
        timeout: seconds that one plugin has for one hook.
        queue: how many notifications may wait for one plugin.
        concurrency: how many run at once in one plugin.
    """

    def __init__(self, *, timeout: float, queue: int, concurrency: int) -> None:
        super().__init__(timeout)
        self._queue = queue
        self._concurrency = concurrency
        self._backgrounds: dict[str, Background] = {}

    def register(self, plugin_id: str, caller: HookCaller) -> None:
        """Fire hooks in this plugin from now on, in the order of ids."""
        self.add(plugin_id, caller)
        if plugin_id not in self._backgrounds:
            self._backgrounds[plugin_id] = Background(plugin_id, self._queue, self._concurrency)

    async def unregister(self, plugin_id: str) -> None:
        """Fire none in it any more; what waits for it is forgotten."""
        self.remove(plugin_id)
        background = self._backgrounds.pop(plugin_id, None)
        if background is not None:
            await background.close()

    def notify(self, hook: str, context: PluginContext | None = None, **fields: Any) -> None:
        """Tell every plugin that has this hook, side by side. Returns at once; failures are in the log.

        Raises:
            ValueError: it is no hook without an answer, or has no such field.
        """
        if hook not in NOTIFICATIONS:
            raise ValueError(f"{hook} is no notification")
        asked = request(hook, context or PluginContext(), fields)
        for plugin_id in self.implementing(hook):
            self._backgrounds[plugin_id].put(hook, partial(self.ask, plugin_id, hook, asked))

    def notify_one(self, plugin_id: str, hook: str, context: PluginContext | None = None, **fields: Any) -> None:
        """Tell one plugin, if it has the hook. Returns at once."""
        if plugin_id in self.implementing(hook):
            asked = request(hook, context or PluginContext(), fields)
            self._backgrounds[plugin_id].put(hook, partial(self.ask, plugin_id, hook, asked))

    def notify_others(
        self, plugin_id: str, number: int | None, hook: str, context: PluginContext | None = None, **fields: Any
    ) -> None:
        """Tell a plugin's replicas, but for the one with this number, if it has the hook. Returns at once."""
        if plugin_id in self.implementing(hook):
            asked = request(hook, context or PluginContext(), fields)
            self._backgrounds[plugin_id].put(hook, partial(self.ask_others, plugin_id, number, hook, asked))

    async def ask_one(self, plugin_id: str, hook: str, context: PluginContext | None = None, **fields: Any) -> Any:
        """The response of one plugin: ExecuteCommand, OnInstall, and what else concerns one alone.

        Raises:
            HookFailed: there is none.
        """
        return await self.ask(plugin_id, hook, request(hook, context or PluginContext(), fields))

    async def ask_each(self, hook: str, context: PluginContext | None = None, **fields: Any) -> dict[str, Any]:
        """The response of each plugin that has this hook, in order, or the `HookFailed` that stands for it."""
        answers: dict[str, Any] = {}
        for plugin_id in self.implementing(hook):
            try:
                answers[plugin_id] = await self.ask_one(plugin_id, hook, context, **fields)
            except HookFailed as failure:
                answers[plugin_id] = failure
        return answers

    async def settled(self) -> None:
        """Returns when every notification so far has been given, or has failed."""
        for background in list(self._backgrounds.values()):
            await background.join()

    async def close(self) -> None:
        """End the notifications that run, and forget those that wait."""
        for plugin_id in list(self._backgrounds):
            await self.unregister(plugin_id)
