"""The gateways of one workspace as one: what happens at one is told to the others, and what they tell is done here.

| kind | what it tells | what the others do |
|---|---|---|
| `event` | an event for WebSocket clients | each tells its own clients |
| `sessions` | a user's sessions or tokens have changed | they forget what they remember of these, at once |
| `plugin` | a plugin is enabled, or disabled | each starts it, or stops it, where it has it |
| `command` | a plugin that all of them use offers a slash command, or takes it back | so it is at each |
| `cluster_event` | what a plugin says to itself elsewhere | the plugin's OnPluginClusterEvent |
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

import structlog

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import Command, PluginClusterEvent, PluginContext, WebsocketBroadcast
from servehttp.workspace.bus.bus import Bus, Message
from servehttp.workspace.domains.people.sessions import ANYBODY
from servehttp.workspace.events import Event
from servehttp.workspace.rest.event_json import event_data
from servehttp.workspace.settings import Settings
from servehttp.workspace.workspace import Workspace

EVENT, SESSIONS, PLUGIN, COMMAND, CLUSTER_EVENT = "event", "sessions", "plugin", "command", "cluster_event"
CONFIG_CHANGED = "config_changed"
"""The event that says that plugins' settings may be others."""

log = structlog.get_logger("servehttp.workspace")


class Plugins(Protocol):
    """The plugins of this gateway."""

    def follow(self, plugin_id: str, *, enabled: bool) -> None:
        """Another gateway has enabled a plugin, or disabled it: start it, or stop it, if it is here."""
        ...


class Cluster:
    """This gateway among the others.

    Args:
        workspace: what they share.
        bus: what they tell each other by.
        plugins: those of this gateway; None where there are none.
    """

    def __init__(self, workspace: Workspace, bus: Bus, plugins: Plugins | None) -> None:
        self._workspace = workspace
        self._bus = bus
        self._plugins = plugins
        self._tasks: set[asyncio.Future[None]] = set()
        self._handlers: Mapping[str, Callable[[Any], None]] = {
            EVENT: self._take_event,
            SESSIONS: self._take_sessions,
            PLUGIN: self._take_plugin,
            COMMAND: self._take_command,
            CLUSTER_EVENT: self._take_cluster_event,
        }

    async def open(self) -> None:
        """Tell, and be told, from now on."""
        await self._bus.open(self._receive, self._lost)
        workspace = self._workspace
        workspace.events.relay = self._tell_event
        workspace.sessions.relay = self._tell_sessions
        workspace.plugin_records.relay = self._tell_plugin
        workspace.commands.relay = self._tell_command
        workspace.plugin_events.relay = self._tell_cluster_event

    async def close(self) -> None:
        """Tell no more, once what has happened is told."""
        workspace = self._workspace
        workspace.events.relay = workspace.sessions.relay = None
        workspace.plugin_records.relay = workspace.commands.relay = workspace.plugin_events.relay = None
        await self._bus.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # To others

    def _tell_event(self, event: Event) -> None:
        self._tell(EVENT, [event.name, event_data(event), asdict(event.broadcast)])

    def _tell_sessions(self, user_id: str) -> None:
        self._tell(SESSIONS, user_id)

    def _tell_plugin(self, plugin_id: str, enabled: bool) -> None:
        self._tell(PLUGIN, [plugin_id, enabled])

    def _tell_command(self, plugin_id: str, command: Command, offered: bool) -> None:
        self._tell(COMMAND, [plugin_id, _text(command.to_proto().SerializeToString()), offered])

    def _tell_cluster_event(self, plugin_id: str, event: PluginClusterEvent, node: str) -> None:
        self._tell(CLUSTER_EVENT, [plugin_id, event.id, _text(event.data), node])

    def _tell(self, kind: str, body: object) -> None:
        self._bus.publish(Message(kind, json.dumps(body, separators=(",", ":"))))

    # From others

    def _receive(self, message: Message) -> None:
        handler = self._handlers.get(message.kind)
        if handler is None:
            return  # of a later release
        try:
            handler(json.loads(message.body))
        except Exception:  # the border to what another gateway says: the next message is another one
            log.exception("what another gateway told could not be done", kind=message.kind)

    def _lost(self) -> None:
        """Some of what was told did not come: clients are to begin anew, and nothing is remembered."""
        log.warning("messages of other gateways were lost: WebSocket clients are to connect anew")
        self._workspace.events.cut()
        self._take_sessions(ANYBODY)

    def _take_event(self, body: Any) -> None:
        name, data, broadcast = body
        self._workspace.events.deliver(Event(name, data, WebsocketBroadcast(**broadcast)))
        if name == CONFIG_CHANGED:
            self._workspace.hooks.notify("OnConfigurationChange", PluginContext())

    def _take_sessions(self, user_id: str) -> None:
        for told in self._workspace.sessions.hear(user_id):
            task = asyncio.ensure_future(told)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take_plugin(self, body: Any) -> None:
        plugin_id, enabled = body
        if self._plugins is not None:
            self._plugins.follow(plugin_id, enabled=enabled)

    def _take_command(self, body: Any) -> None:
        plugin_id, text, offered = body
        command = Command.from_proto(pb.Command.FromString(base64.b64decode(text)))
        if offered:
            self._workspace.commands.register(plugin_id, command)
        else:
            self._workspace.commands.unregister(plugin_id, command.team_id, command.trigger)

    def _take_cluster_event(self, body: Any) -> None:
        plugin_id, name, data, node = body
        if node in ("", self._bus.node):
            event = PluginClusterEvent(id=name, data=base64.b64decode(data))
            self._workspace.plugin_events.receive_from_cluster(plugin_id, event)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def postgresql_bus(settings: Settings) -> Bus:
    """The bus over the database of the settings."""
    from servehttp.workspace.bus.postgresql import BusTimes, PostgreSQLBus  # here, for psycopg is optional

    own = settings.workspace
    times = BusTimes(own.bus_timeout, own.bus_check_interval, own.bus_kept, own.bus_queue)
    return PostgreSQLBus(own.bus_url or own.database_url, times)
