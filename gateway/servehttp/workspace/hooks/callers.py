"""The plugins that can be asked, and asking one of them."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol, runtime_checkable

import structlog
from google.protobuf.message import Message

from mattermost_plugin.tracing import Kind, around
from servehttp.figures import HOOKS, Figures
from servehttp.logs import of_request

logger = structlog.get_logger("servehttp.hooks")


class Asked(Protocol):
    """Who is asked."""

    async def call(self, name: str, request: Message, timeout: float) -> Message:
        """Ask; whatever it raises means that there is no answer."""
        ...


class HookCaller(Asked, Protocol):
    """How one plugin is asked: a `Link`, or whatever else answers."""

    @property
    def implemented(self) -> frozenset[str]:
        """The hooks it has; may change, and be empty while the plugin does not run."""
        ...


@runtime_checkable
class SeveralCallers(Protocol):
    """A plugin that runs several times, beside a `HookCaller`."""

    def but(self, number: int | None) -> Asked | None:
        """All but the one with this number; None where there are no others."""
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

    Attributes:
        figures: counts how long they took; outcomes are "answered", "late" and "failed".
    """

    def __init__(self, timeout: float) -> None:
        self.figures = Figures()
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
        return await self._ask(self._callers.get(plugin_id), plugin_id, hook, request)

    async def ask_others(self, plugin_id: str, number: int | None, hook: str, request: Message) -> Any:
        """Ask those of a plugin's replicas that are not the one with this number; returns a response, if there is one.

        Raises:
            HookFailed: there is none, though there are others. It is in the log.
        """
        caller = self._callers.get(plugin_id)
        others = caller.but(number) if isinstance(caller, SeveralCallers) else None
        return await self._ask(others, plugin_id, hook, request) if others is not None else None

    async def _ask(self, asked: Asked | None, plugin_id: str, hook: str, request: Message) -> Any:
        began, outcome = time.perf_counter(), "answered"
        try:
            if asked is None:
                raise LookupError("the plugin is not connected to")
            with around(f"hook {hook}", Kind.CALLING) as span:
                span.note(servehttp_plugin__id=plugin_id)
                async with asyncio.timeout(self._timeout):
                    return await asked.call(hook, request, self._timeout)
        except Exception as error:
            outcome = "late" if isinstance(error, TimeoutError) else "failed"
            reason = _reason(error, self._timeout)
            logger.warning("hook failed", plugin=plugin_id, hook=hook, error=reason, **of_request())
            raise HookFailed(plugin_id, hook, reason) from error
        finally:
            self.figures.observe(HOOKS, (plugin_id, hook, outcome), time.perf_counter() - began)


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    return str(error) or type(error).__name__
