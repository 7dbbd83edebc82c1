"""Sessions and personal access tokens."""

from __future__ import annotations

from mattermost_plugin.grpc import api_user_team_pb2 as pb
from mattermost_plugin.models import Session, UserAccessToken
from servehttp.workspace.rpc.call import ApiCall


async def get_session(call: ApiCall, request: pb.GetSessionRequest) -> Session:
    return await call.workspace.sessions.get(request.session_id)


async def create_session(call: ApiCall, request: pb.CreateSessionRequest) -> Session:
    return await call.workspace.sessions.create(Session.from_proto(request.session))


async def extend_session_expiry(call: ApiCall, request: pb.ExtendSessionExpiryRequest) -> None:
    await call.workspace.sessions.extend(request.session_id, request.new_expiry)


async def revoke_session(call: ApiCall, request: pb.RevokeSessionRequest) -> None:
    await call.workspace.sessions.revoke(request.session_id)


async def create_user_access_token(call: ApiCall, request: pb.CreateUserAccessTokenRequest) -> UserAccessToken:
    return await call.workspace.access_tokens.create(UserAccessToken.from_proto(request.token))


async def revoke_user_access_token(call: ApiCall, request: pb.RevokeUserAccessTokenRequest) -> None:
    await call.workspace.access_tokens.revoke(request.token_id)
