"""What the domains of a workspace have in common."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from mattermost_plugin.models import PluginContext, WebsocketBroadcast
from servehttp.workspace.events import Event, Events
from servehttp.workspace.hooks import Hooks
from servehttp.workspace.ids import Clock
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.store.blobs import Blobs
from servehttp.workspace.store.database import Database

NO_CONTEXT = PluginContext()

REQUEST: ContextVar[PluginContext] = ContextVar("request", default=NO_CONTEXT)
"""The request on whose behalf a task works, which hooks are told of; set where requests come in."""


@dataclass(frozen=True)
class Resources:
    """What every domain works with.

    Attributes:
        database: with the schema up to date.
        blobs: where files are kept.
        settings: those of the workspace.
        hooks: what fires hooks in plugins.
        events: where events are published.
        clock: what time it is.
    """

    database: Database
    blobs: Blobs
    settings: WorkspaceSettings
    hooks: Hooks
    events: Events
    clock: Clock


class Domain:
    """One domain of a workspace. Its methods are whole operations: each is one transaction, or part of an open one.

    The other domains that it asks are annotations of its class, such as `channels: Channels`; `join` sets them.
    """

    def __init__(self, resources: Resources) -> None:
        self.db = resources.database
        self.blobs = resources.blobs
        self.settings = resources.settings
        self.hooks = resources.hooks
        self._events = resources.events
        self._clock = resources.clock

    def join(self, domains: Mapping[str, Domain]) -> None:
        """Let it ask the others. Domains ask each other, so this is done when all of them are made.

        Args:
            domains: all of the workspace, by the names that classes know them by.

        Raises:
            TypeError: an annotation of the class names a domain that is not the one of that name.
        """
        kinds = {type(domain).__name__ for domain in domains.values()}
        for owner in type(self).__mro__:
            for name, kind in inspect.get_annotations(owner).items():
                if kind not in kinds:
                    continue
                if type(domains.get(name)).__name__ != kind:
                    raise TypeError(f"{owner.__name__}.{name} is no {kind} of the workspace")
                setattr(self, name, domains[name])

    def now(self) -> int:
        """The present moment, in milliseconds since the epoch."""
        return self._clock()

    @property
    def request(self) -> PluginContext:
        """What hooks are told of the request."""
        return REQUEST.get()

    def notify(self, hook: str, **fields: Any) -> None:
        """Fire a notifying hook once the open transaction is committed."""
        self.db.after_commit(partial(self.hooks.notify, hook, self.request, **fields))

    def publish(self, name: str, data: dict[str, Any], broadcast: WebsocketBroadcast | None = None) -> None:
        """Publish an event once the open transaction is committed; without `broadcast` it is for everybody."""
        event = Event(name, data, broadcast or WebsocketBroadcast())
        self.db.after_commit(partial(self._events.publish, event))
