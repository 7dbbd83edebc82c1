"""What the domains of a workspace have in common."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from mattermost_plugin.models import PluginContext, WebsocketBroadcast
from servehttp.workspace.events import Event

if TYPE_CHECKING:
    from servehttp.workspace.workspace import Workspace

NO_CONTEXT = PluginContext()

REQUEST: ContextVar[PluginContext] = ContextVar("request", default=NO_CONTEXT)
"""The request on whose behalf a task works, which hooks are told of; set where requests come in."""


class Domain:
    """One domain of a workspace. Its methods are whole operations: each is one transaction, or part of an open one."""

    def __init__(self, workspace: Workspace) -> None:
        self.ws = workspace
        self.db = workspace.database

    def now(self) -> int:
        """The present moment, in milliseconds since the epoch."""
        return self.ws.clock()

    @property
    def request(self) -> PluginContext:
        """What hooks are told of the request."""
        return REQUEST.get()

    def notify(self, hook: str, **fields: Any) -> None:
        """Fire a notifying hook once the open transaction is committed."""
        self.db.after_commit(partial(self.ws.hooks.notify, hook, self.request, **fields))

    def publish(self, name: str, data: dict[str, Any], broadcast: WebsocketBroadcast | None = None) -> None:
        """Publish an event once the open transaction is committed; without `broadcast` it is for everybody."""
        event = Event(name, data, broadcast or WebsocketBroadcast())
        self.db.after_commit(partial(self.ws.events.publish, event))
