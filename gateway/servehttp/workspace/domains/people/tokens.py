"""Personal access tokens. Only hashes of them are kept: the secret is shown once, when a token is made."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, exists, select

from mattermost_plugin.models import Session, UserAccessToken
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, to_row
from servehttp.workspace.store.tables.users import access_tokens as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.config import Config
    from servehttp.workspace.domains.people.sessions import Sessions
    from servehttp.workspace.domains.people.users import Users

DESCRIPTION_MAX = 255
"""Characters."""


class AccessTokens(Domain):
    """Personal access tokens."""

    config: Config
    sessions: Sessions
    users: Users

    async def create(self, token: UserAccessToken) -> UserAccessToken:
        """Make a token for a user; returns it with its secret.

        Raises:
            AppFailure: 404, there is no such user; 400, the description is missing or too long;
                501, tokens of people are switched off.
        """
        if not 0 < len(token.description) <= DESCRIPTION_MAX:
            raise invalid(
                "model.user_access_token.is_valid.description.app_error",
                f"A token has a description of up to {DESCRIPTION_MAX} characters.",
            )
        made = replace(token, id=new_id(), token=new_id(), is_active=True)
        async with self.db.transaction() as tx:
            if not (await self.users.get(made.user_id)).is_bot:
                await self.config.require("ServiceSettings", "EnableUserAccessTokens", "Tokens are switched off.")
            more = {"token_hash": _hash(made.token), "create_at": self.now()}
            await insert(tx, table, to_row(made, table, **more))
        return made

    async def get(self, token_id: str) -> UserAccessToken:
        """One token, without its secret.

        Raises:
            AppFailure: 404.
        """
        async with self.db.reading() as tx:
            token = await one(tx, UserAccessToken, select(table).where(table.c.id == token_id))
        if token is None:
            raise not_found("app.user_access_token.get_by_token.app_error", "token")
        return token

    async def of_user(self, user_id: str) -> list[UserAccessToken]:
        """A user's tokens, without their secrets, the oldest first."""
        query = select(table).where(table.c.user_id == user_id).order_by(table.c.create_at, table.c.id)
        async with self.db.reading() as tx:
            return await many(tx, UserAccessToken, query)

    async def set_active(self, token_id: str, active: bool) -> None:
        """Have a token count, or not.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            self.sessions.tell((await self.get(token_id)).user_id)
            await changed(tx, table.update().where(table.c.id == token_id).values(is_active=active))

    async def revoke(self, token_id: str) -> None:
        """Delete a token; from then on it logs nobody in.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            self.sessions.tell((await self.get(token_id)).user_id)
            await changed(tx, table.delete().where(table.c.id == token_id))

    async def session_of(self, secret: str) -> Session | None:
        """The session that a secret stands for, which is not kept anywhere; None if it is none that counts."""
        return await self._session(table.c.token_hash == _hash(secret))

    def is_secret(self, secret: str) -> ColumnElement[bool]:
        """The condition that there is a token with this secret, be it one that is switched off."""
        return exists().where(table.c.token_hash == _hash(secret))

    async def session_by_id(self, token_id: str) -> Session | None:
        """The session of an access token, by the token's id, which is the session's; None if it counts no more."""
        return await self._session(table.c.id == token_id)

    async def _session(self, condition: ColumnElement[bool]) -> Session | None:
        async with self.db.reading() as tx:
            token = await one(tx, UserAccessToken, select(table).where(condition, table.c.is_active))
        if token is None:
            return None
        user = await self.users.get(token.user_id)
        if not user.is_bot and not (await self.config.section("ServiceSettings"))["EnableUserAccessTokens"]:
            return None
        props = {"type": "UserAccessToken", "user_access_token_id": token.id}
        return Session(id=token.id, user_id=user.id, roles=user.roles, props=props)


def _hash(secret: str) -> str:
    # Secrets are 128 random bits, which no dictionary has: a fast hash is enough.
    return hashlib.sha256(secret.encode()).hexdigest()
