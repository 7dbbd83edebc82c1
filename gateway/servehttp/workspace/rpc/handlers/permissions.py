"""Permissions and roles."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.grpc import api_user_team_pb2 as pb
from servehttp.workspace.rpc.call import ApiCall


async def has_permission_to(call: ApiCall, request: pb.HasPermissionToRequest) -> bool:
    return await call.workspace.permissions.has(request.user_id, request.permission_id)


async def has_permission_to_team(call: ApiCall, request: pb.HasPermissionToTeamRequest) -> bool:
    return await call.workspace.permissions.has_in_team(request.user_id, request.team_id, request.permission_id)


async def has_permission_to_channel(call: ApiCall, request: pb.HasPermissionToChannelRequest) -> bool:
    return await call.workspace.permissions.has_in_channel(request.user_id, request.channel_id, request.permission_id)


async def roles_grant_permission(call: ApiCall, request: api_remaining_pb2.RolesGrantPermissionRequest) -> bool:
    return await call.workspace.permissions.grant(list(request.role_names), request.permission_id)
