"""A plugin, started and ended in this process as a host does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from mattermost_plugin.asgi import ASGIAdapter, Lifespan
from mattermost_plugin.background import cancel_tasks
from mattermost_plugin.hooks import HookName
from mattermost_plugin.plugin import Plugin, close_clients
from mattermost_plugin.runtime_config import RuntimeConfig
from mattermost_plugin.servicers.hooks_servicer import PluginHooksServicerImpl
from mattermost_plugin.testing.client import PluginClient
from mattermost_plugin.testing.hooks import HookFirer, implemented_by
from mattermost_plugin.testing.job_clock import JobClock

PLUGIN_ID = "com.example.plugin"
"""What a plugin in a test is called, unless its configuration says otherwise."""


class ActivationRefused(Exception):
    """The plugin's OnActivate refused, or failed; the text is the reason."""


class PluginHost(Protocol):
    """What a plugin may be part of while it runs."""

    @property
    def config(self) -> RuntimeConfig:
        """With which the plugin is to be made."""
        ...

    def connect(self, hooks: HookFirer) -> None:
        """Fire hooks in the plugin from now on."""
        ...

    def disconnect(self) -> None:
        """Fire none any more."""
        ...


@dataclass(frozen=True)
class RunningPlugin:
    """A plugin that runs, and what speaks to it."""

    plugin: Plugin
    client: PluginClient
    hooks: HookFirer


@asynccontextmanager
async def running(
    plugin: Plugin, *, host: PluginHost | None = None, activate: bool = True, clock: JobClock | None = None
) -> AsyncIterator[RunningPlugin]:
    """Start a plugin's application, activate it, and at the end deactivate it and shut the application down.

    Args:
        plugin: made with the host's `config`, if there is a host.
        host: fires hooks in it.
        activate: whether OnActivate is fired; else the test does, or does not.
        clock: by which its jobs run; by default the machine's.

    Raises:
        ActivationRefused: it did not want to.
        LifespanError: the application's start-up or shutdown failed.
    """
    if clock is not None:
        plugin._clock, clock.jobs = clock, len(plugin._jobs or ())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(close_clients, plugin)
        application = plugin.asgi_app()
        lifespan = Lifespan(application)
        adapter = ASGIAdapter(application, await lifespan.startup())
        stack.push_async_callback(lifespan.shutdown)
        stack.push_async_callback(cancel_tasks, plugin)
        config = plugin.config or RuntimeConfig()
        servicer = PluginHooksServicerImpl(plugin, config.hook_timeout)
        stack.callback(servicer.close)
        hooks = HookFirer(servicer, implemented_by(plugin))
        if host is not None:
            # Before OnActivate, for what that registers may be asked for at once.
            host.connect(hooks)
            stack.callback(host.disconnect)
        if activate:
            await _activate(hooks, stack)
        yield RunningPlugin(plugin, PluginClient(adapter, f"/plugins/{config.plugin_id or PLUGIN_ID}"), hooks)


async def _activate(hooks: HookFirer, stack: AsyncExitStack) -> None:
    outcome = await hooks.fire(HookName.OnActivate)
    if outcome.is_rejected:
        raise ActivationRefused(outcome.reason)
    stack.push_async_callback(hooks.fire, HookName.OnDeactivate)
