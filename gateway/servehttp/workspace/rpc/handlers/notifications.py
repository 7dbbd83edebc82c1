"""What reaches users, their clients and other nodes: events, dialogs, mail, push notifications."""

from __future__ import annotations

from mattermost_plugin.grpc import api_kv_config_pb2
from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import OpenDialogRequest, PluginClusterEvent, PushNotification, WebsocketBroadcast
from mattermost_plugin.values import from_struct
from servehttp.workspace.rpc.call import ApiCall


async def publish_web_socket_event(call: ApiCall, request: api_kv_config_pb2.PublishWebSocketEventRequest) -> None:
    broadcast = WebsocketBroadcast.from_proto(request.broadcast)
    payload = from_struct(request.payload)
    call.workspace.plugin_events.publish_to_clients(call.plugin_id, request.event, payload, broadcast)


async def publish_plugin_cluster_event(call: ApiCall, request: pb.PublishPluginClusterEventRequest) -> None:
    event, options = PluginClusterEvent.from_proto(request.event), request.opts
    call.workspace.plugin_events.publish_to_cluster(
        call.plugin_id, call.replica, event, options.send_type, options.target_id
    )


async def open_interactive_dialog(call: ApiCall, request: pb.OpenInteractiveDialogRequest) -> None:
    call.workspace.dialogs.open(OpenDialogRequest.from_proto(request.dialog))


async def send_mail(call: ApiCall, request: pb.SendMailRequest) -> None:
    await call.workspace.mail.send(request.to, request.subject, request.html_body)


async def send_push_notification(call: ApiCall, request: pb.SendPushNotificationRequest) -> None:
    await call.workspace.pushes.send(PushNotification.from_proto(request.notification), request.user_id)
