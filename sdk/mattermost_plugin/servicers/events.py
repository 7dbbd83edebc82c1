"""The hooks about WebSockets of clients, and about messages from the plugin's other nodes."""

from __future__ import annotations

from mattermost_plugin.grpc import hooks_command_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import PluginClusterEvent, WebSocketRequest
from mattermost_plugin.servicers.kinds import notification
from mattermost_plugin.servicers.unary import CONTEXT, Argument

CONNECTION = Argument("web_conn_id")
USER_ID = Argument("user_id")

HOOKS = (
    notification(HookName.OnWebSocketConnect, pb.OnWebSocketConnectResponse, CONNECTION, USER_ID),
    notification(HookName.OnWebSocketDisconnect, pb.OnWebSocketDisconnectResponse, CONNECTION, USER_ID),
    notification(
        HookName.WebSocketMessageHasBeenPosted,
        pb.WebSocketMessageHasBeenPostedResponse,
        CONNECTION,
        USER_ID,
        Argument("request", WebSocketRequest),
    ),
    notification(
        HookName.OnPluginClusterEvent,
        pb.OnPluginClusterEventResponse,
        CONTEXT,
        Argument("event", PluginClusterEvent),
    ),
)
