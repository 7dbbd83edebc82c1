"""Sessions and personal access tokens."""

from __future__ import annotations

from mattermost_plugin.grpc import api_user_team_pb2 as pb
from mattermost_plugin.models import Session, UserAccessToken
from servehttp.workspace.rpc.call import Call


async def get_session(call: Call, request: pb.GetSessionRequest) -> pb.GetSessionResponse:
    return pb.GetSessionResponse(session=(await call.ws.sessions.get(request.session_id)).to_proto())


async def create_session(call: Call, request: pb.CreateSessionRequest) -> pb.CreateSessionResponse:
    session = await call.ws.sessions.create(Session.from_proto(request.session))
    return pb.CreateSessionResponse(session=session.to_proto())


async def extend_session_expiry(call: Call, request: pb.ExtendSessionExpiryRequest) -> pb.ExtendSessionExpiryResponse:
    await call.ws.sessions.extend(request.session_id, request.new_expiry)
    return pb.ExtendSessionExpiryResponse()


async def revoke_session(call: Call, request: pb.RevokeSessionRequest) -> pb.RevokeSessionResponse:
    await call.ws.sessions.revoke(request.session_id)
    return pb.RevokeSessionResponse()


async def create_user_access_token(
    call: Call, request: pb.CreateUserAccessTokenRequest
) -> pb.CreateUserAccessTokenResponse:
    token = await call.ws.access_tokens.create(UserAccessToken.from_proto(request.token))
    return pb.CreateUserAccessTokenResponse(token=token.to_proto())


async def revoke_user_access_token(
    call: Call, request: pb.RevokeUserAccessTokenRequest
) -> pb.RevokeUserAccessTokenResponse:
    await call.ws.access_tokens.revoke(request.token_id)
    return pb.RevokeUserAccessTokenResponse()
