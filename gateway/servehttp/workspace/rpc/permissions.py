"""Permissions and roles."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.grpc import api_user_team_pb2 as pb
from servehttp.workspace.rpc.call import Call


async def has_permission_to(call: Call, request: pb.HasPermissionToRequest) -> pb.HasPermissionToResponse:
    granted = await call.ws.permissions.has(request.user_id, request.permission_id)
    return pb.HasPermissionToResponse(has_permission=granted)


async def has_permission_to_team(call: Call, request: pb.HasPermissionToTeamRequest) -> pb.HasPermissionToTeamResponse:
    granted = await call.ws.permissions.has_in_team(request.user_id, request.team_id, request.permission_id)
    return pb.HasPermissionToTeamResponse(has_permission=granted)


async def has_permission_to_channel(
    call: Call, request: pb.HasPermissionToChannelRequest
) -> pb.HasPermissionToChannelResponse:
    granted = await call.ws.permissions.has_in_channel(request.user_id, request.channel_id, request.permission_id)
    return pb.HasPermissionToChannelResponse(has_permission=granted)


async def roles_grant_permission(
    call: Call, request: api_remaining_pb2.RolesGrantPermissionRequest
) -> api_remaining_pb2.RolesGrantPermissionResponse:
    granted = await call.ws.permissions.grant(list(request.role_names), request.permission_id)
    return api_remaining_pb2.RolesGrantPermissionResponse(has_permission=granted)
