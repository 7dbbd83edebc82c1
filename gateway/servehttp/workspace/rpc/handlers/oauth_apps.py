"""Applications that use the workspace to log in."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import OAuthApp
from servehttp.workspace.rpc.call import ApiCall


async def create_oauth_app(call: ApiCall, request: pb.CreateOAuthAppRequest) -> OAuthApp:
    return await call.workspace.oauth_apps.create(OAuthApp.from_proto(request.app))


async def get_oauth_app(call: ApiCall, request: pb.GetOAuthAppRequest) -> OAuthApp:
    return await call.workspace.oauth_apps.get(request.app_id)


async def update_oauth_app(call: ApiCall, request: pb.UpdateOAuthAppRequest) -> OAuthApp:
    return await call.workspace.oauth_apps.update(OAuthApp.from_proto(request.app))


async def delete_oauth_app(call: ApiCall, request: pb.DeleteOAuthAppRequest) -> None:
    await call.workspace.oauth_apps.delete(request.app_id)
