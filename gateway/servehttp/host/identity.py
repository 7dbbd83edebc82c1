"""Whom tokens stand for, as the front asks: a cache over the sessions and access tokens of a workspace.

What ends a session or a token in this process is heard of at once; what another process does is seen when the entry is
too old.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from mattermost_plugin.models import Session
from servehttp.host.errors import AppFailure
from servehttp.host.workspace import Workspace
from servehttp.host.workspace.sessions import CSRF
from servehttp.identity import UNKNOWN, Caller, Known

ENTRIES = 10_000
"""Tokens that are known at a time; the oldest goes first."""

log = structlog.get_logger("servehttp.host")


class SessionIdentity:
    """Knows whom tokens stand for; the front's `Identity`.

    Args:
        workspace: gives the workspace, once it is open.
        lifetime: seconds for which an answer holds.
    """

    def __init__(self, workspace: Callable[[], Workspace], lifetime: float) -> None:
        self._workspace = workspace
        self._lifetime = lifetime
        self._entries: dict[str, tuple[Caller | None, float]] = {}
        self._forgotten = 0

    def known(self, token: str) -> Known:
        """What is known without a look into the database."""
        entry = self._entries.get(token)
        if entry is None or entry[1] <= time.monotonic():
            return UNKNOWN
        return entry[0]

    async def find(self, token: str) -> Caller | None:
        """Look into the database; where that fails, nobody is found."""
        forgotten = self._forgotten
        try:
            session = await self._workspace().sessions.authenticate(token)
        except AppFailure:
            session = None
        except Exception:
            log.exception("a token could not be looked up")
            return None
        caller = Caller(session.user_id, session.props.get(CSRF, "")) if session else None
        if forgotten == self._forgotten:  # otherwise it may have ended after the look
            self._remember(token, caller, self._until(session))
        return caller

    def forget(self, user_id: str) -> None:
        """The sessions or tokens of a user have changed."""
        self._forgotten += 1
        for token, (caller, _) in list(self._entries.items()):
            if caller is None or caller.user_id == user_id:
                del self._entries[token]

    def _until(self, session: Session | None) -> float:
        lifetime = self._lifetime
        if session is not None and session.expires_at:
            lifetime = min(lifetime, (session.expires_at - self._workspace().clock()) / 1000)
        return time.monotonic() + lifetime

    def _remember(self, token: str, caller: Caller | None, until: float) -> None:
        self._entries.pop(token, None)
        if len(self._entries) >= ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._entries[token] = caller, until
