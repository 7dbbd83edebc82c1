"""Whom tokens stand for, as the front asks: a cache over the sessions and access tokens of a workspace.

What ends a session or a token in this gateway is heard of at once; what another one does is seen when the entry is too
old. What does not have the form of a token is nobody's without a look, and tokens that were made up crowd out none
that count: each kind has its own bound.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from mattermost_plugin.models import Session
from servehttp.identity import NOBODY, UNKNOWN, Cached, Caller, IdentityUnavailable
from servehttp.workspace.domains.people.sessions import ANYBODY, CSRF
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import is_id
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

ENTRIES = 10_000
"""Tokens of each kind that are known at a time; the oldest goes first."""
SERVER_ERRORS = range(500, 600)
MANAGE = "manage_system"

T = TypeVar("T")

log = structlog.get_logger("servehttp.workspace")


class SessionIdentity:
    """Knows whom tokens stand for; the front's `Identity`.

    Args:
        workspace: gives the workspace, once it is open.
        lifetime: seconds for which an answer holds.
    """

    def __init__(self, workspace: Callable[[], Workspace], lifetime: float) -> None:
        self._workspace = workspace
        self._lifetime = lifetime
        self._callers: Expiring[Caller] = Expiring(ENTRIES)
        self._strangers: Expiring[None] = Expiring(ENTRIES)
        self._forgotten = 0

    @property
    def trouble(self) -> str | None:
        """Why the database cannot be read or written at the moment; None if it can."""
        return self._workspace().database.trouble

    def cached(self, token: str) -> Cached:
        """What is known without a look into the database."""
        if not is_id(token):
            return None
        key = _digest(token)
        caller = self._callers.get(key)
        if caller is not None:
            return caller
        return None if key in self._strangers else UNKNOWN

    async def lookup(self, token: str) -> Caller | None:
        """Look into the database.

        Raises:
            IdentityUnavailable: that fails.
        """
        if not is_id(token):
            return None
        forgotten = self._forgotten
        try:
            caller, until = await self._look(token)
        except Exception as error:
            raise _unavailable("a token could not be looked up", error) from error
        if forgotten == self._forgotten:  # otherwise it may have ended after the look
            self._remember(_digest(token), caller, until)
        return caller

    async def manages(self, user_id: str) -> bool:
        """Whether a user manages the system.

        Raises:
            IdentityUnavailable: the database cannot tell.
        """
        try:
            return await self._workspace().permissions.has(user_id, MANAGE)
        except Exception as error:
            raise _unavailable("a user's permission could not be looked up", error) from error

    def forget(self, user_id: str) -> None:
        """The sessions or tokens of a user, or of `ANYBODY`, have changed."""
        self._forgotten += 1
        self._callers.drop(lambda caller: user_id == ANYBODY or caller.user_id in ("", user_id))
        self._strangers.drop(lambda _: True)

    async def _look(self, token: str) -> tuple[Caller | None, float]:
        """Whom a token stands for, and until when that holds, by `time.monotonic`."""
        sessions = self._workspace().sessions
        try:
            session = await sessions.authenticate(token)
        except AppFailure as failure:
            if failure.status in SERVER_ERRORS:
                raise
            caller = NOBODY if await sessions.remembers(token) else None
            return caller, time.monotonic() + self._lifetime
        return Caller(session.user_id, session.props.get(CSRF, "")), self._until(session)

    def _until(self, session: Session) -> float:
        lifetime = self._lifetime
        if session.expires_at:
            lifetime = min(lifetime, (session.expires_at - self._workspace().clock()) / 1000)
        return time.monotonic() + lifetime

    def _remember(self, key: bytes, caller: Caller | None, until: float) -> None:
        if caller is None:
            self._strangers.put(key, None, until)
        else:
            self._callers.put(key, caller, until)


class Expiring(Generic[T]):
    """Values that hold for some time, and no more than so many.

    Args:
        limit: how many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[bytes, tuple[T, float]] = {}

    def __contains__(self, key: bytes) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry[1] > time.monotonic()

    def get(self, key: bytes) -> T | None:
        """The value, while it holds."""
        entry = self._entries.get(key)
        return None if entry is None or entry[1] <= time.monotonic() else entry[0]

    def put(self, key: bytes, value: T, until: float) -> None:
        """Keep a value until then, by `time.monotonic`."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._limit:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = value, until

    def drop(self, unwanted: Callable[[T], bool]) -> None:
        """Keep no more of those."""
        self._entries = {key: entry for key, entry in self._entries.items() if not unwanted(entry[0])}


def _unavailable(event: str, error: Exception) -> IdentityUnavailable:
    """Whatever the error is: nobody counts as anonymous because of it."""
    if isinstance(error, StoreUnavailable):
        log.warning(event, reason=str(error))
    else:
        log.exception(event)
    return IdentityUnavailable(event)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
