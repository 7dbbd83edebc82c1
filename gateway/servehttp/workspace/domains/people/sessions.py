"""Sessions: who is logged in."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import ColumnElement, exists, select

from mattermost_plugin.models import Session
from servehttp.workspace.domains.base.domain import Domain, Resources
from servehttp.workspace.errors import not_found, unauthorized
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, scalar, to_row
from servehttp.workspace.store.tables.users import sessions as table
from servehttp.workspace.validation import check_id

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.tokens import AccessTokens
    from servehttp.workspace.domains.people.users import Users


HOUR = 3_600_000
"""Milliseconds."""
CSRF = "csrf"
"""Where a session's props have the token that a form must send along."""

ANYBODY = ""
"""The id by which listeners are told that anybody's sessions may be others."""

Listener: TypeAlias = Callable[[str], Awaitable[None] | None]
"""Takes the id of a user, or `ANYBODY`; what it returns, if anything, is waited for by who changed the sessions."""


class Sessions(Domain):
    """Sessions. One that has expired has ended; `expires_at` 0 never does."""

    access_tokens: AccessTokens
    users: Users

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._listeners: list[Listener] = []
        self.relay: Callable[[str], None] | None = None
        """Takes the same as listeners, for other gateways; None where there are none."""

    def listen(self, listener: Listener) -> None:
        """Have somebody told of each user whose sessions, or tokens, may be others than before."""
        self._listeners.append(listener)

    def tell(self, user_id: str) -> None:
        """Tell them of a user, once the open transaction is committed."""
        for listener in (*self._listeners, *filter(None, (self.relay,))):
            self.db.after_commit(partial(listener, user_id))

    def hear(self, user_id: str) -> Sequence[Awaitable[None]]:
        """Tell listeners of a user whose sessions, or tokens, another gateway has changed; returns what they wait for.

        Args:
            user_id: whose; `ANYBODY` where that is not known.
        """
        return [told for told in [listener(user_id) for listener in self._listeners] if told is not None]

    async def create(self, session: Session) -> Session:
        """Open a session for a user; returns it with its id and its secret token.

        Raises:
            AppFailure: 404, there is no such user; 400, `user_id` is none.
        """
        check_id(session.user_id, "user_id", where="CreateSession")
        now = self.now()
        async with self.db.transaction() as tx:
            user = await self.users.get(session.user_id)
            made = replace(
                session,
                id=new_id(),
                token=new_id(),
                create_at=now,
                last_activity_at=now,
                roles=session.roles or user.roles,
                expires_at=session.expires_at or now + self.settings.session_hours * HOUR,
                props={CSRF: secrets.token_urlsafe()} | session.props,
            )
            await insert(tx, table, to_row(made, table))
        return made

    async def get(self, session_id: str) -> Session:
        """One session that has not ended, its secret token included; that of an access token has the token's id.

        Raises:
            AppFailure: 404.
        """
        return await self.access_tokens.session_by_id(session_id) or await self._stored(session_id)

    async def authenticate(self, token: str) -> Session:
        """The session that a token stands for: of a login, or of a personal access token.

        Raises:
            AppFailure: 401, none that has not ended, or its user is deactivated.
        """
        session = await self._one(table.c.token == token) if token else None
        session = session or await self.access_tokens.session_of(token)
        if session is None or (await self.users.get(session.user_id)).delete_at:
            raise unauthorized("api.context.session_expired.app_error", "The session has ended. Log in again.")
        return session

    async def remembers(self, token: str) -> bool:
        """Whether a token is one of a session or an access token, be it one that has ended or is switched off."""
        is_session = exists().where(table.c.token == token)
        async with self.db.reading() as tx:
            return bool(await scalar(tx, select(is_session | self.access_tokens.is_secret(token))))

    async def of_user(self, user_id: str) -> list[Session]:
        """A user's sessions that have not ended, the latest first."""
        query = select(table).where(table.c.user_id == user_id, self._alive())
        async with self.db.reading() as tx:
            return await many(tx, Session, query.order_by(table.c.last_activity_at.desc(), table.c.id))

    async def extend(self, session_id: str, expires_at: int) -> None:
        """Set when a session ends, in milliseconds since the epoch.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            self.tell((await self._stored(session_id)).user_id)
            await changed(tx, table.update().where(table.c.id == session_id).values(expires_at=expires_at))

    async def revoke(self, session_id: str) -> None:
        """End a session.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            self.tell((await self._stored(session_id)).user_id)
            await changed(tx, table.delete().where(table.c.id == session_id))

    async def revoke_all(self, user_id: str) -> None:
        """End all sessions of a user."""
        async with self.db.transaction() as tx:
            self.tell(user_id)
            await changed(tx, table.delete().where(table.c.user_id == user_id))

    async def revoke_others(self, user_id: str, *, keep: str) -> None:
        """End all sessions of a user but one."""
        async with self.db.transaction() as tx:
            self.tell(user_id)
            await changed(tx, table.delete().where(table.c.user_id == user_id, table.c.id != keep))

    async def forget_expired(self) -> int:
        """Delete the rows of sessions that have ended; returns how many."""
        async with self.db.transaction() as tx:
            return await changed(tx, table.delete().where(~self._alive()))

    async def _stored(self, session_id: str) -> Session:
        session = await self._one(table.c.id == session_id)
        if session is None:
            raise not_found("app.session.get.app_error", "session", where="GetSessionById")
        return session

    def _alive(self) -> ColumnElement[bool]:
        return (table.c.expires_at == 0) | (table.c.expires_at > self.now())

    async def _one(self, condition: ColumnElement[bool]) -> Session | None:
        async with self.db.reading() as tx:
            return await one(tx, Session, select(table).where(condition, self._alive()))
