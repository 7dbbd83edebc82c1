"""Applications that use the workspace to log in."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import OAuthApp
from servehttp.workspace.rpc.call import Call


async def create_oauth_app(call: Call, request: pb.CreateOAuthAppRequest) -> pb.CreateOAuthAppResponse:
    return pb.CreateOAuthAppResponse(app=(await call.ws.oauth_apps.create(OAuthApp.from_proto(request.app))).to_proto())


async def get_oauth_app(call: Call, request: pb.GetOAuthAppRequest) -> pb.GetOAuthAppResponse:
    return pb.GetOAuthAppResponse(app=(await call.ws.oauth_apps.get(request.app_id)).to_proto())


async def update_oauth_app(call: Call, request: pb.UpdateOAuthAppRequest) -> pb.UpdateOAuthAppResponse:
    return pb.UpdateOAuthAppResponse(app=(await call.ws.oauth_apps.update(OAuthApp.from_proto(request.app))).to_proto())


async def delete_oauth_app(call: Call, request: pb.DeleteOAuthAppRequest) -> pb.DeleteOAuthAppResponse:
    await call.ws.oauth_apps.delete(request.app_id)
    return pb.DeleteOAuthAppResponse()
