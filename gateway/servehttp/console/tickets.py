"""Signing in without a workspace: by a link that is good for once, and a session that it becomes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

MOST_SESSIONS = 32
"""At a time; the oldest goes first."""
SECRET_BYTES = 32


@dataclass(frozen=True)
class Session:
    """Somebody who has used a link.

    Attributes:
        secret: what shows that it is they, in a cookie or as a bearer token.
        csrf: what their pages send along with what changes something.
        until: when it ends, by `time.monotonic`.
    """

    secret: str
    csrf: str
    until: float


class Tickets:
    """One ticket that nobody has used, and the sessions of those who have used one.

    Args:
        lifetime: seconds of a session.

    Attributes:
        current: what the next link has in it.
    """

    def __init__(self, lifetime: float) -> None:
        self.current = secrets.token_urlsafe(SECRET_BYTES)
        self._lifetime = lifetime
        self._sessions: dict[bytes, Session] = {}

    def redeem(self, ticket: str) -> Session | None:
        """Begin a session; None if the ticket is not the current one. There is another one then."""
        if not hmac.compare_digest(ticket.encode(errors="replace"), self.current.encode()):
            return None
        self.current = secrets.token_urlsafe(SECRET_BYTES)
        session = Session(
            secrets.token_urlsafe(SECRET_BYTES),
            secrets.token_urlsafe(SECRET_BYTES),
            time.monotonic() + self._lifetime,
        )
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[_digest(session.secret)] = session
        return session

    def session(self, secret: str) -> Session | None:
        """The session that a secret is of, while it lasts."""
        session = self._sessions.get(_digest(secret))
        if session is None or session.until > time.monotonic():
            return session
        del self._sessions[_digest(secret)]
        return None

    def end(self, secret: str) -> None:
        """End a session, if it is one."""
        self._sessions.pop(_digest(secret), None)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
