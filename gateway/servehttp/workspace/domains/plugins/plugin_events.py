"""What plugins tell others: clients over their WebSockets, and themselves on other nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mattermost_plugin.models import PluginClusterEvent, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import invalid

SEND_TYPES = ("", "reliable", "best_effort")


class PluginEvents(Domain):
    """Events of plugins.

    Attributes:
        relay: takes the id of a plugin, an event for it elsewhere, and the only node that is to get it if there is one;
            None where there are no other nodes.
    """

    relay: Callable[[str, PluginClusterEvent, str], None] | None = None

    def publish_to_clients(
        self, plugin_id: str, event: str, payload: dict[str, Any], broadcast: WebsocketBroadcast
    ) -> None:
        """Send an event to those clients that `broadcast` names, under the name custom_PLUGIN_EVENT.

        Raises:
            AppFailure: 400, the event has no name.
        """
        if not event:
            raise invalid("plugin_api.publish_event.app_error", "An event needs a name.", where="PublishWebSocketEvent")
        self.publish(f"custom_{plugin_id}_{event}", payload, broadcast)

    def publish_to_cluster(
        self, plugin_id: str, replica: int | None, event: PluginClusterEvent, send_type: str = "", node_id: str = ""
    ) -> None:
        """Send an event to the same plugin elsewhere, where OnPluginClusterEvent gets it.

        It never comes back to its sender. Those that get it are the plugin's other replicas here, and all of it at
        other gateways; where there are none, nobody does, as in a Mattermost without a cluster. Both ways to send are
        as reliable as the gateways' bus.

        Args:
            plugin_id: whose event it is.
            replica: which of the plugin's replicas sends it; None for the only one.
            event: what is sent.
            send_type: how it is sent.
            node_id: the only node that is to get it, another one; empty for all.

        Raises:
            AppFailure: 400, the event has no id, or there is no such way to send.
        """
        if not event.id or send_type not in SEND_TYPES:
            raise invalid(
                "plugin_api.publish_plugin_cluster_event.app_error",
                "An event needs an id, and is sent as reliable or best_effort.",
                where="PublishPluginClusterEvent",
            )
        if not node_id:
            self.hooks.notify_others(plugin_id, replica, "OnPluginClusterEvent", self.request, event=event)
        if self.relay is not None:
            self.relay(plugin_id, event, node_id)

    def receive_from_cluster(self, plugin_id: str, event: PluginClusterEvent) -> None:
        """Hand a plugin, each of its replicas, an event of its own from another node. Returns at once."""
        self.hooks.notify_one(plugin_id, "OnPluginClusterEvent", self.request, event=event)
