"""Who comes to the console: an administrator of the workspace or, where there is none, who has used its link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mattermost_plugin.exchange import Request
from servehttp.console.problems import Problem, not_for_you, unavailable
from servehttp.console.tickets import Tickets
from servehttp.front.credentials import TooManyTokens, caller_of
from servehttp.identity import Identity, IdentityUnavailable

if TYPE_CHECKING:  # loaded when somebody comes
    from starlette.requests import HTTPConnection

COOKIE = "servehttp_console"
"""That of the console's own sessions."""
COOKIE_PATHS = ("/console", "/api/servehttp")
"""Where it is sent: not to plugins."""
BEARER = "bearer "


@dataclass(frozen=True)
class Visitor:
    """Somebody who may use the console.

    Attributes:
        csrf: what has to come along with a request that changes something, if the browser sent it with a cookie.
        by_cookie: whether it was.
    """

    csrf: str
    by_cookie: bool


class Door(Protocol):
    """Knows who may come in."""

    async def visitor(self, connection: HTTPConnection) -> Visitor | None:
        """Who sends a request; None for somebody who is not signed in.

        Raises:
            Problem: 403, somebody who may not use the console; 503, that cannot be told.
        """
        ...


class TicketDoor:
    """For who has used a link of the console.

    Args:
        tickets: the links' and their sessions.
    """

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    async def visitor(self, connection: HTTPConnection) -> Visitor | None:
        """Who sends a request, by its session's secret as bearer token or cookie."""
        given = connection.headers.get("authorization")
        secret = cookie(connection) if given is None else given[len(BEARER) :].strip()
        if not secret or (given is not None and given[: len(BEARER)].lower() != BEARER):
            return None
        session = self._tickets.session(secret)
        return None if session is None else Visitor(session.csrf, by_cookie=given is None)


class WorkspaceDoor:
    """For administrators of the workspace.

    Args:
        identity: knows whom tokens stand for.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def visitor(self, connection: HTTPConnection) -> Visitor | None:
        """Who sends a request, by a token of the workspace as bearer token or as the cookie of its login."""
        # One of the two alone: a cookie that comes with another's bearer token must not pass for that.
        name = b"authorization" if "authorization" in connection.headers else b"cookie"
        headers = [(key, value) for key, value in connection.scope["headers"] if key == name]
        # As a GET, for what else has to come along is looked at by whoever lets in.
        request = Request("GET", connection.scope["path"].encode(), headers=headers)
        try:
            caller = await caller_of(request, self._identity)
            if caller is None:
                return None
            if not await self._identity.manages(caller.user_id):
                raise not_for_you()
        except IdentityUnavailable:
            raise unavailable(
                "Who you are cannot be found out at the moment: the workspace's database fails."
            ) from None
        except TooManyTokens as error:
            raise Problem(400, f"{error}.") from None
        return Visitor(caller.csrf, by_cookie=name == b"cookie")


def cookie(connection: HTTPConnection) -> str:
    """The value of the console's own cookie; empty if there is none."""
    return connection.cookies.get(COOKIE, "")
