"""The plugins that can be asked, and asking one of them."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import structlog
from google.protobuf.message import Message

logger = structlog.get_logger("servehttp.hooks")


class HookCaller(Protocol):
    """How one plugin is asked: a `Link`, or whatever else answers."""

    @property
    def implemented(self) -> frozenset[str]:
        """The hooks it has; may change, and be empty while the plugin does not run."""
        ...

    async def call(self, name: str, request: Message, timeout: float) -> Message:
        """Ask; whatever it raises means that there is no answer."""
        ...


class HookFailed(Exception):
    """A plugin gave no answer: it raised, broke down, or took too long.

    Attributes:
        plugin_id: which plugin.
        hook: which hook.
    """

    def __init__(self, plugin_id: str, hook: str, reason: str) -> None:
        super().__init__(f"{hook} of plugin {plugin_id}: {reason}")
        self.plugin_id = plugin_id
        self.hook = hook


class Callers:
    """The plugins by id.

    Args:
        timeout: seconds that one plugin has for one hook.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._callers: dict[str, HookCaller] = {}

    def add(self, plugin_id: str, caller: HookCaller) -> None:
        """Ask this plugin from now on, in the place that its id gives it."""
        self._callers[plugin_id] = caller

    def remove(self, plugin_id: str) -> None:
        """Ask it no more."""
        self._callers.pop(plugin_id, None)

    def is_registered(self, plugin_id: str) -> bool:
        """Whether this plugin is asked at all."""
        return plugin_id in self._callers

    def implementing(self, hook: str) -> list[str]:
        """The ids of the plugins that have a hook, in the order in which they are asked."""
        return sorted(id for id, caller in self._callers.items() if hook in caller.implemented)

    async def ask(self, plugin_id: str, hook: str, request: Message) -> Any:
        """Ask one plugin; returns its response.

        Raises:
            HookFailed: there is none. It is in the log.
        """
        try:
            caller = self._callers[plugin_id]
            async with asyncio.timeout(self._timeout):
                return await caller.call(hook, request, self._timeout)
        except Exception as error:
            logger.warning("hook failed", plugin=plugin_id, hook=hook, error=_reason(error, self._timeout))
            raise HookFailed(plugin_id, hook, _reason(error, self._timeout)) from error


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    return str(error) or type(error).__name__
