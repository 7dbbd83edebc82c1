"""Logging in, with a password or by the word of a SAML service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from mattermost_plugin.models import Session, User
from servehttp.host.errors import AppFailure, too_many, unauthorized
from servehttp.host.store.rows import one
from servehttp.host.store.tables.users import users
from servehttp.host.workspace.domain import Domain
from servehttp.host.workspace.passwords import verify_password
from servehttp.host.workspace.rate_limit import RateLimit

if TYPE_CHECKING:
    from servehttp.host.workspace import Workspace

WHERE = "login"


class Logins(Domain):
    """Logins. Two limits hold: of tries within a window, and of wrong passwords in a row, which lock the account."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._limit = RateLimit(workspace.settings.login_rate, workspace.settings.login_window)

    async def login(self, login_id: str, password: str, *, device_id: str = "", address: str = "") -> Session:
        """Open a session for whoever has this username or address, and this password.

        Args:
            login_id: a username or an e-mail address, in any case.
            password: in clear text.
            device_id: of a mobile client.
            address: the client's, by which tries are counted.

        Raises:
            AppFailure: 429, too many tries; 401, no such user, another password, locked or deactivated. Which of the
                first two it is, neither the answer tells nor the time it takes.
            Refused: a plugin does not let the user in.
        """
        self._count_try(address, login_id.lower())
        user = await self._check(login_id, password)
        return await self._admit(user, device_id)

    async def login_by_assertion(self, user_id: str, assertion: bytes, *, device_id: str = "") -> Session:
        """Open a session for a user whom a SAML service sent. Plugins have a say by OnSAMLLogin.

        Args:
            user_id: whom the assertion is about.
            assertion: what the service said, as JSON; the caller has verified it.
            device_id: of a mobile client.

        Raises:
            AppFailure: 404, no such user; 401, the user is deactivated.
            Refused: a plugin does not let the user in.
        """
        user = await self.ws.users.get(user_id)
        if user.delete_at:
            raise _inactive()
        await self.ws.hooks.on_saml_login(self.request, user, assertion)
        return await self._admit(user, device_id)

    async def _admit(self, user: User, device_id: str) -> Session:
        await self.ws.hooks.user_will_log_in(self.request, user)
        async with self.db.transaction():
            await self.ws.users.touch(user.id, failed_attempts=0, last_login=self.now())
            session = await self.ws.sessions.create(Session(user_id=user.id, device_id=device_id))
            self.notify("UserHasLoggedIn", user=user)
        return session

    async def check_password(self, user_id: str, password: str, *, address: str = "") -> None:
        """Accept the password of a user who does what needs it once more.

        Raises:
            AppFailure: 429, too many tries; 401, it is another one.
        """
        self._count_try(address, user_id)
        if not await verify_password(await self.ws.users.password_hash(user_id), password):
            raise unauthorized("api.user.check_user_password.invalid.app_error", "That is not the password.")

    def _count_try(self, address: str, account: str) -> None:
        if not self._limit.allow(f"{address} {account}"):
            raise too_many("api.user.login.rate_limited.app_error", "Too many logins. Try again later.", where=WHERE)

    async def _check(self, login_id: str, password: str) -> User:
        user = await self._find(login_id)
        known = user is not None and user.failed_attempts < self.ws.settings.login_attempts
        hashed = await self.ws.users.password_hash(user.id) if user is not None and known else ""
        right = await verify_password(hashed, password)
        if user is None:
            raise _wrong()
        if not known:
            raise unauthorized(
                "api.user.check_user_login_attempts.too_many.app_error", "The account is locked.", where=WHERE
            )
        if not right:
            await self._count_failure(user.id)
            raise _wrong()
        if user.delete_at:
            raise _inactive()
        return user

    async def _find(self, login_id: str) -> User | None:
        name = login_id.strip().lower()
        query = select(users).where(or_(users.c.username == name, users.c.email == name), ~users.c.is_bot)
        async with self.db.reading() as tx:
            return await one(tx, User, query)

    async def _count_failure(self, user_id: str) -> None:
        async with self.db.transaction():
            user = await self.ws.users.get(user_id)
            await self.ws.users.touch(user_id, failed_attempts=user.failed_attempts + 1)


def _inactive() -> AppFailure:
    return unauthorized("api.user.login.inactive.app_error", "The account is deactivated.", where=WHERE)


def _wrong() -> AppFailure:
    return unauthorized(
        "api.user.login.invalid_credentials_email_username",
        "There is no such user, or that is not the password.",
        where=WHERE,
    )
