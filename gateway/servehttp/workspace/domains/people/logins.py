"""Logging in, with a password or by the word of a SAML service."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from mattermost_plugin.models import Session, User
from servehttp.workspace.domains.base.domain import Domain, Resources
from servehttp.workspace.domains.base.rate_limit import MAX_KEYS, RateLimit
from servehttp.workspace.domains.people.passwords import is_too_long
from servehttp.workspace.errors import AppFailure, too_many, unauthorized
from servehttp.workspace.store.rows import one
from servehttp.workspace.store.tables.users import users
from servehttp.workspace.validation import EMAIL_MAX

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.passwords import Passwords
    from servehttp.workspace.domains.people.sessions import Sessions
    from servehttp.workspace.domains.people.users import Users


WHERE = "login"
LOGIN_ID_MAX = EMAIL_MAX + 32
"""Characters; what is longer is nobody's, blanks around it included."""


class Logins(Domain):
    """Logins. Three limits hold: of tries within a window, by address and by address for one account; and of wrong
    passwords in a row, which lock the account for a while, so that nobody can lock somebody else out for good."""

    passwords: Passwords
    sessions: Sessions
    users: Users

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        settings = resources.settings
        self._by_address = RateLimit(settings.login_address_rate, settings.login_window)
        self._limit = RateLimit(settings.login_rate, settings.login_window)
        self._failed_at: OrderedDict[str, int] = OrderedDict()

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
        if len(login_id) > LOGIN_ID_MAX or is_too_long(password):
            raise _wrong()
        name = login_id.strip().lower()
        self._count_try(address, name)
        user = await self._check(name, password)
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
        user = await self.users.get(user_id)
        if user.delete_at:
            raise _inactive()
        await self.hooks.on_saml_login(self.request, user, assertion)
        return await self._admit(user, device_id)

    async def _admit(self, user: User, device_id: str) -> Session:
        await self.hooks.user_will_log_in(self.request, user)
        async with self.db.transaction():
            await self.users.touch(user.id, failed_attempts=0, last_login=self.now())
            session = await self.sessions.create(Session(user_id=user.id, device_id=device_id))
            self.notify("UserHasLoggedIn", user=user)
        return session

    async def check_password(self, user_id: str, password: str, *, address: str = "") -> None:
        """Accept the password of a user who does what needs it once more.

        Raises:
            AppFailure: 429, too many tries; 401, it is another one.
        """
        self._count_try(address, user_id)
        if not await self.passwords.verify(await self.users.password_hash(user_id), password):
            raise unauthorized("api.user.check_user_password.invalid.app_error", "That is not the password.")

    def _count_try(self, address: str, account: str) -> None:
        if not (self._by_address.allow(address) and self._limit.allow(f"{address} {account}")):
            raise too_many("api.user.login.rate_limited.app_error", "Too many logins. Try again later.", where=WHERE)

    async def _check(self, name: str, password: str) -> User:
        user = await self._find(name)
        known = user is not None and not await self._is_locked(user)
        hashed = await self.users.password_hash(user.id) if user is not None and known else ""
        right = await self.passwords.verify(hashed, password)
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

    async def _is_locked(self, user: User) -> bool:
        """Whether too many wrong passwords came in a row, the last of them just now."""
        if user.failed_attempts < self.settings.login_attempts:
            return False
        since = self.now() - self._failed_at.get(user.id, 0)
        if since < self.settings.login_lock * 1000:
            return True
        await self.users.touch(user.id, failed_attempts=0)
        return False

    async def _find(self, name: str) -> User | None:
        query = select(users).where(or_(users.c.username == name, users.c.email == name), ~users.c.is_bot)
        async with self.db.reading() as tx:
            return await one(tx, User, query)

    async def _count_failure(self, user_id: str) -> None:
        self._failed_at[user_id] = self.now()
        self._failed_at.move_to_end(user_id)
        if len(self._failed_at) > MAX_KEYS:
            self._failed_at.popitem(last=False)
        async with self.db.transaction():
            user = await self.users.get(user_id)
            await self.users.touch(user_id, failed_attempts=user.failed_attempts + 1)


def _inactive() -> AppFailure:
    return unauthorized("api.user.login.inactive.app_error", "The account is deactivated.", where=WHERE)


def _wrong() -> AppFailure:
    return unauthorized(
        "api.user.login.invalid_credentials_email_username",
        "There is no such user, or that is not the password.",
        where=WHERE,
    )
