"""Reaching others: WebSocket and cluster events, dialogs, mail and push notifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mattermost_plugin.api import wire_values
from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.models import OpenDialogRequest, PushNotification, WebsocketBroadcast
from notation import wire


def publish_web_socket_event(
    event: str, payload: Mapping[str, Any], broadcast: WebsocketBroadcast | Mapping[str, Any] | None = None
) -> None:
    """Send an event to clients over their WebSockets, where it is named custom_<plugin id>_<event>.

    Args:
        event: its name, without the prefix.
        payload: JSON values by key.
        broadcast: who gets it, as a model or as a mapping of the model's fields; left out, every client.

    Raises:
        TypeError: `broadcast` has a field that the model lacks.
        ValueError: a value is none that JSON has, or an int beyond 2^53.
    """
    # The reference uses a message that does not exist, takes `omit_users` for a mapping and `omit_connection_id` for
    # text, and says that all of the payload's values are text.
    wire(broadcast=wire_values.broadcast(broadcast))


def publish_plugin_cluster_event(
    event_id: str, data: bytes, *, send_type: str = "reliable", target_id: str = ""
) -> None:
    """Send an event to the same plugin on the other nodes, whose OnPluginClusterEvent hook gets it.

    Args:
        event_id: names the kind of event; the plugin's choice.
        data: whatever the plugin understands.
        send_type: "reliable", or "best_effort", which is faster and may be lost.
        target_id: a node of the cluster; empty for all others.
    """
    wire(
        event=api_remaining_pb2.PluginClusterEvent(id=event_id, data=data),
        opts=api_remaining_pb2.PluginClusterEventSendOptions(send_type=send_type, target_id=target_id),
    )


def open_interactive_dialog(dialog_request: OpenDialogRequest) -> None:
    """Open a form in the client of the user who ran a command or pressed a button.

    Args:
        dialog_request: its `trigger_id` comes from there, works once, and for a few seconds.

    Raises:
        ValidationError: the trigger id is used or too old, or the dialog is malformed.
    """
    wire(dialog=dialog_request)


def send_mail(to: str, subject: str, html_body: str) -> None:
    """Send a mail with the server's mail settings.

    Args:
        to: the recipient's address.
        subject: plain text.
        html_body: HTML; escape what users wrote.

    Raises:
        ValidationError: something is empty.
        PluginAPIError: the mail could not be handed over.
    """


def send_push_notification(notification: PushNotification, user_id: str) -> None:
    """Push to all devices of a user; NotificationWillBePushed hooks run.

    Args:
        notification: it is on the plugin to respect what the server's settings let notifications say.
        user_id: the recipient.

    Raises:
        NotFoundError: there is no such user.
    """
