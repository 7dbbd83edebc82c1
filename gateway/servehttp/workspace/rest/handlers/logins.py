"""Logging in and out."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from servehttp.workspace.errors import AppFailure
from servehttp.workspace.rest.access import PUBLIC
from servehttp.workspace.rest.auth import delete_cookies, set_cookies
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import to_json, value_of
from servehttp.workspace.rest.routes import RestRoute

HOUR = 3600
"""Seconds."""


async def login(call: RestCall) -> Any:
    """Log in with a password; the header Token has the session's token, and a browser that asks for it gets cookies."""
    body = await call.object()
    login_id, password, device_id = (
        value_of(str, body.get(name) or "", name) for name in ("login_id", "password", "device_id")
    )
    session = await call.workspace.logins.login(login_id, password, device_id=device_id, address=call.address)
    user = await call.workspace.users.get(session.user_id)
    response = JSONResponse(to_json(user), headers={"Token": session.token})
    if call.request.headers.get("X-Requested-With") == "XMLHttpRequest":
        secure, max_age = call.request.url.scheme == "https", call.workspace.settings.session_hours * HOUR
        set_cookies(response, session, secure=secure, max_age=max_age)
    return response


async def logout(call: RestCall) -> Any:
    """End the session, if there is one."""
    if call.logged_in:
        await _revoke(call)
    response = JSONResponse(OK)
    delete_cookies(response)
    return response


async def _revoke(call: RestCall) -> None:
    try:
        await call.workspace.sessions.revoke(call.session.id)
    except AppFailure:
        return  # a personal access token, which logging out does not end


ROUTES = [
    RestRoute("POST", "/users/login", login, PUBLIC),
    RestRoute("POST", "/users/logout", logout, PUBLIC),
]
