"""What reaches users, their clients and other nodes: events, dialogs, mail, push notifications."""

from __future__ import annotations

from mattermost_plugin.grpc import api_kv_config_pb2
from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import OpenDialogRequest, PluginClusterEvent, PushNotification, WebsocketBroadcast
from mattermost_plugin.values import from_struct
from servehttp.workspace.rpc.call import Call


async def publish_web_socket_event(
    call: Call, request: api_kv_config_pb2.PublishWebSocketEventRequest
) -> api_kv_config_pb2.PublishWebSocketEventResponse:
    broadcast = WebsocketBroadcast.from_proto(request.broadcast)
    payload = from_struct(request.payload)
    call.ws.plugin_events.publish_to_clients(call.plugin_id, request.event, payload, broadcast)
    return api_kv_config_pb2.PublishWebSocketEventResponse()


async def publish_plugin_cluster_event(
    call: Call, request: pb.PublishPluginClusterEventRequest
) -> pb.PublishPluginClusterEventResponse:
    call.ws.plugin_events.publish_to_cluster(PluginClusterEvent.from_proto(request.event), request.opts.send_type)
    return pb.PublishPluginClusterEventResponse()


async def open_interactive_dialog(
    call: Call, request: pb.OpenInteractiveDialogRequest
) -> pb.OpenInteractiveDialogResponse:
    call.ws.dialogs.open(OpenDialogRequest.from_proto(request.dialog))
    return pb.OpenInteractiveDialogResponse()


async def send_mail(call: Call, request: pb.SendMailRequest) -> pb.SendMailResponse:
    await call.ws.mail.send(request.to, request.subject, request.html_body)
    return pb.SendMailResponse()


async def send_push_notification(
    call: Call, request: pb.SendPushNotificationRequest
) -> pb.SendPushNotificationResponse:
    await call.ws.pushes.send(PushNotification.from_proto(request.notification), request.user_id)
    return pb.SendPushNotificationResponse()
