"""Sessions and personal access tokens."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import UserAccessToken
from servehttp.workspace.errors import invalid
from servehttp.workspace.rest.access import account, system
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import to_json, value_of
from servehttp.workspace.rest.routes import RestRoute

WHOSE = "a token of one's own, or `edit_other_users` everywhere, and `manage_system` for administrators'"


async def get_sessions(call: RestCall) -> Any:
    """A user's sessions, without their tokens."""
    user_id = call.path("user_id")
    return await call.workspace.sessions.of_user(user_id)


async def revoke_session(call: RestCall) -> Any:
    """End one of a user's sessions."""
    user_id = call.path("user_id")
    body = await call.object()
    session = await call.workspace.sessions.get(value_of(str, body.get("session_id"), "session_id"))
    if session.user_id != user_id:
        raise invalid("api.context.invalid_url_param.app_error", "It is no session of this user.", Name="user_id")
    await call.workspace.sessions.revoke(session.id)
    return OK


async def revoke_all_sessions(call: RestCall) -> Any:
    """End all sessions of a user."""
    user_id = call.path("user_id")
    await call.workspace.sessions.revoke_all(user_id)
    return OK


async def create_token(call: RestCall) -> Any:
    """Make a personal access token; only this answer has its secret."""
    user_id = call.path("user_id")
    body = await call.object()
    description = value_of(str, body.get("description") or "", "description")
    made = await call.workspace.access_tokens.create(UserAccessToken(user_id=user_id, description=description))
    return to_json(made) | {"token": made.token}


async def get_tokens(call: RestCall) -> Any:
    """A user's personal access tokens, without their secrets."""
    user_id = call.path("user_id")
    return await call.workspace.access_tokens.of_user(user_id)


async def get_token(call: RestCall) -> Any:
    """One personal access token, without its secret."""
    return await _token(call, call.path("token_id"))


async def revoke_token(call: RestCall) -> Any:
    """Delete a personal access token."""
    token = await _token_of_body(call)
    await call.workspace.access_tokens.revoke(token.id)
    return OK


async def disable_token(call: RestCall) -> Any:
    """Have a personal access token not count."""
    token = await _token_of_body(call)
    await call.workspace.access_tokens.set_active(token.id, False)
    return OK


async def enable_token(call: RestCall) -> Any:
    """Have a personal access token count again."""
    token = await _token_of_body(call)
    await call.workspace.access_tokens.set_active(token.id, True)
    return OK


async def _token_of_body(call: RestCall) -> UserAccessToken:
    body = await call.object()
    return await _token(call, value_of(str, body.get("token_id"), "token_id"))


async def _token(call: RestCall, token_id: str) -> UserAccessToken:
    token = await call.workspace.access_tokens.get(token_id)
    await call.require_account(token.user_id)
    return token


ROUTES = [
    RestRoute("GET", "/users/{user_id}/sessions", get_sessions, account()),
    RestRoute("POST", "/users/{user_id}/sessions/revoke", revoke_session, account()),
    RestRoute("POST", "/users/{user_id}/sessions/revoke/all", revoke_all_sessions, account()),
    RestRoute("POST", "/users/{user_id}/tokens", create_token, account() & system("create_user_access_token")),
    RestRoute("GET", "/users/{user_id}/tokens", get_tokens, account() & system("read_user_access_token")),
    RestRoute("POST", "/users/tokens/revoke", revoke_token, system("revoke_user_access_token").besides(WHOSE)),
    RestRoute("POST", "/users/tokens/disable", disable_token, system("revoke_user_access_token").besides(WHOSE)),
    RestRoute("POST", "/users/tokens/enable", enable_token, system("create_user_access_token").besides(WHOSE)),
    RestRoute("GET", "/users/tokens/{token_id}", get_token, system("read_user_access_token").besides(WHOSE)),
]
