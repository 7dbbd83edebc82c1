"""Who sends a request: by bearer token, by the cookie of a login, or by a token in the address."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from mattermost_plugin.models import Session
from servehttp.workspace.domains.people.sessions import CSRF
from servehttp.workspace.errors import AppFailure, unauthorized
from servehttp.workspace.workspace import Workspace

COOKIE = "MMAUTHTOKEN"
USER_COOKIE = "MMUSERID"
CSRF_COOKIE = "MMCSRF"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Credentials:
    """A token, and whether a browser may have sent it unasked, as it does with cookies."""

    token: str
    from_cookie: bool = False


def credentials(connection: HTTPConnection) -> Credentials | None:
    """What a request has to show who sends it; a header counts before a cookie, and that before the address."""
    scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token") and token.strip():
        return Credentials(token.strip())
    if cookie := connection.cookies.get(COOKIE):
        return Credentials(cookie, from_cookie=True)
    token = connection.query_params.get("access_token", "")
    return Credentials(token) if token else None


async def authenticate(workspace: Workspace, connection: HTTPConnection) -> Session:
    """The session that a request belongs to.

    Raises:
        AppFailure: 401, there is none, it has ended, or a cookie comes without the token against forged requests.
    """
    found = credentials(connection)
    if found is None:
        raise no_session()
    session = await workspace.sessions.authenticate(found.token)
    if found.from_cookie and connection.scope.get("method", "GET") not in SAFE_METHODS:
        check_csrf(session, connection.headers.get(CSRF_HEADER, ""))
    return session


def check_csrf(session: Session, given: str) -> None:
    """Accept what a page of ours sends along with its cookie.

    Raises:
        AppFailure: 401, it is not the session's.
    """
    expected = session.props.get(CSRF, "")
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise no_session()


def no_session() -> AppFailure:
    """401: nobody is logged in."""
    text = "Invalid or expired session, please login again."
    return unauthorized("api.context.session_expired.app_error", text)


def set_cookies(response: Response, session: Session, *, secure: bool, max_age: int) -> None:
    """Have a browser keep a session; scripts may read whose it is, and what to send along, but not its token."""
    values = {COOKIE: session.token, USER_COOKIE: session.user_id, CSRF_COOKIE: session.props.get(CSRF, "")}
    for name, value in values.items():
        response.set_cookie(name, value, max_age, path="/", secure=secure, httponly=name == COOKIE, samesite="lax")


def delete_cookies(response: Response) -> None:
    """Have a browser forget the session."""
    for name in (COOKIE, USER_COOKIE, CSRF_COOKIE):
        response.delete_cookie(name, path="/")
