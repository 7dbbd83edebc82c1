"""Accounts of people and bots."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from mattermost_plugin.models import User, UserAuth
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.people.passwords import check_password
from servehttp.workspace.domains.people.user_filters import UserFilter, matching, ordered
from servehttp.workspace.domains.people.user_rules import check_map, check_user, normalised
from servehttp.workspace.errors import exists, invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, paged, scalar, to_row
from servehttp.workspace.store.tables.users import users as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.passwords import Passwords
    from servehttp.workspace.domains.people.roles import Roles
    from servehttp.workspace.domains.people.sessions import Sessions

KEPT = (
    "create_at",
    "delete_at",
    "roles",
    "auth_data",
    "auth_service",
    "last_password_update",
    "last_picture_update",
    "failed_attempts",
    "mfa_active",
    "is_bot",
    "last_login",
)
"""Fields that `update` leaves as they are."""

CHANNEL_SORTS = ("", "username", "status")


@dataclass(frozen=True)
class NewAccount:
    """An account that is ready to be added.

    Attributes:
        user: as it will be.
        password_hash: its password's; empty for none.
    """

    user: User
    password_hash: str


class Users(Domain):
    """Accounts. Deleting one only deactivates it. Whatever is returned has no password, nor a hash of one."""

    passwords: Passwords
    roles: Roles
    sessions: Sessions

    async def create(self, user: User) -> User:
        """Create an account; it gets an id, times and the role of an ordinary user.

        Raises:
            AppFailure: 400, a field is missing or malformed, or the username or the address is taken.
        """
        account = await self.prepare(user)
        async with self.db.transaction():
            return await self.add(account)

    async def prepare(self, user: User) -> NewAccount:
        """Make an account ready, before a transaction: its password is hashed, which takes long.

        Raises:
            AppFailure: 400, a field is missing or malformed.
        """
        user = normalised(user)
        check_user(user)
        hashed = await self._new_password(user)
        now = self.now()
        roles = "system_guest" if user.roles == "system_guest" else "system_user"
        made = replace(
            user, id=new_id(), create_at=now, update_at=now, delete_at=0, roles=roles, failed_attempts=0,
            last_password_update=now, last_picture_update=0, last_login=0, password="", mfa_secret="",
        )  # fmt: skip
        return NewAccount(made, hashed)

    async def add(self, account: NewAccount) -> User:
        """Create an account that is ready, in an open transaction.

        Raises:
            AppFailure: 400, the username or the address is taken.
        """
        made = account.user
        async with self.db.transaction() as tx:
            await self._check_free(made)
            await insert(tx, table, to_row(made, table, password_hash=account.password_hash))
            self.publish("new_user", {"user_id": made.id})
            self.notify("UserHasBeenCreated", user=made)
        return made

    async def get(self, user_id: str) -> User:
        """One user.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.id == user_id, "app.user.missing_account.const", "GetUser")

    async def get_by_email(self, email: str) -> User:
        """The user with an address, in any case.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.email == email.lower(), "app.user.missing_account.const", "GetUserByEmail")

    async def get_by_username(self, username: str) -> User:
        """The user with a name, in any case.

        Raises:
            AppFailure: 404.
        """
        found = table.c.username == username.lower()
        return await self._one(found, "app.user.get_by_username.app_error", "GetUserByUsername")

    async def by_ids(self, user_ids: Sequence[str]) -> list[User]:
        """Those of these users that exist."""
        return await self._many(select(table).where(table.c.id.in_(user_ids)).order_by(table.c.username))

    async def by_usernames(self, usernames: Sequence[str]) -> list[User]:
        """Those of these users that exist."""
        names = [name.lower() for name in usernames]
        return await self._many(select(table).where(table.c.username.in_(names)).order_by(table.c.username))

    async def find(self, wanted: UserFilter, sort: str = "", page: int = 0, per_page: int = 60) -> list[User]:
        """A page of the users that meet conditions.

        Raises:
            AppFailure: 400, the conditions contradict one another or name too many roles, or there is no such order.
        """
        wanted.check()
        query = ordered(select(table).where(*wanted.conditions()), sort)
        return await self._many(paged(query, page, per_page))

    async def in_channel(self, channel_id: str, sort: str = "", page: int = 0, per_page: int = 60) -> list[User]:
        """A page of a channel's members, ordered by "username" or by "status".

        Raises:
            AppFailure: 400, there is no such order.
        """
        if sort not in CHANNEL_SORTS:
            raise invalid("plugin.api.get_users_in_channel", "There is no such order.", where="GetUsersInChannel")
        return await self.find(UserFilter(in_channel_id=channel_id), sort, page, per_page)

    async def search(self, term: str, wanted: UserFilter, limit: int = 100, hidden: Collection[str] = ()) -> list[User]:
        """The users that meet conditions, where each word of the term begins one of their names, hidden ones aside."""
        query = select(table).where(matching(term, hidden), *wanted.conditions())
        return await self._many(paged(ordered(query, ""), 0, limit))

    async def count(self, wanted: UserFilter) -> int:
        """How many users meet conditions."""
        async with self.db.reading() as tx:
            return int(await scalar(tx, select(func.count()).select_from(table).where(*wanted.conditions())))

    async def update(self, user: User) -> User:
        """Store a user as given, but for what only other operations change; returns what is stored.

        Raises:
            AppFailure: 404; 400, a field is malformed, or the username or the address is taken.
        """
        user = normalised(user)
        check_user(user)
        async with self.db.transaction():
            old = await self.get(user.id)
            kept: dict[str, Any] = {name: getattr(old, name) for name in KEPT}
            verified = old.email_verified and old.email == user.email
            new = replace(user, **kept, email_verified=verified, update_at=self.now(), password="", mfa_secret="")
            await self._check_free(new)
            await self._store(new.id, **to_row(new, table))
            self._tell_updated(new)
        return new

    async def set_active(self, user_id: str, active: bool) -> User:
        """Deactivate a user, whose sessions end, or take that back; returns the user.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            user = await self.get(user_id)
            delete_at = 0 if active else user.delete_at or self.now()
            await self._store(user_id, delete_at=delete_at, update_at=self.now())
            changed_user = replace(user, delete_at=delete_at, update_at=self.now())
            if active:
                self.sessions.tell(user_id)  # whose access tokens count again
            else:
                await self.sessions.revoke_all(user_id)
            if not active and not user.delete_at:
                self.notify("UserHasBeenDeactivated", user=changed_user)
            self.publish("user_activation_status_change", {})
        return changed_user

    async def set_roles(self, user_id: str, roles: str) -> User:
        """Replace a user's system roles; returns the user.

        Raises:
            AppFailure: 404; 400, there is no such role, or it is one of teams or channels.
        """
        names = roles.split()
        async with self.db.transaction():
            user = await self.get(user_id)
            await self.roles.check_assignable(names, "system")
            new = replace(user, roles=" ".join(names), update_at=self.now())
            await self._store(user_id, roles=new.roles, update_at=new.update_at)
            self.publish("user_role_updated", {"user_id": user_id, "roles": new.roles})
        return new

    async def set_auth(self, user_id: str, auth: UserAuth) -> UserAuth:
        """Have a user log in with another service, which ends the password; returns what is stored.

        Raises:
            AppFailure: 404; 400, the service or the key is missing, or the key is taken.
        """
        if not auth.auth_service or not auth.auth_data:
            raise invalid("api.user.update_user_auth.invalid_request", "A service and a key are needed.")
        async with self.db.transaction() as tx:
            await self.get(user_id)
            taken = select(table.c.id).where(
                table.c.auth_service == auth.auth_service, table.c.auth_data == auth.auth_data, table.c.id != user_id
            )
            if await scalar(tx, taken) is not None:
                raise exists("app.user.update_auth_data.email_exists.app_error", "Another user has this key.")
            row = {"auth_data": auth.auth_data, "auth_service": auth.auth_service, "password_hash": ""}
            await self._store(user_id, **row, update_at=self.now())
        return auth

    async def set_password(self, user_id: str, password: str) -> None:
        """Give a user another password, which also unlocks the account.

        Raises:
            AppFailure: 404; 400, it is too short or too long.
        """
        check_password(password, self.settings.password_min_length)
        hashed = await self.passwords.hash(password)
        async with self.db.transaction():
            await self.get(user_id)
            now = self.now()
            await self._store(user_id, password_hash=hashed, failed_attempts=0, last_password_update=now, update_at=now)

    async def password_hash(self, user_id: str) -> str:
        """The hash of a user's password, for the login alone."""
        async with self.db.reading() as tx:
            return await scalar(tx, select(table.c.password_hash).where(table.c.id == user_id)) or ""

    async def set_props(self, user_id: str, props: dict[str, str]) -> User:
        """Replace a user's props; returns the user.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            new = replace(await self.get(user_id), props=props, update_at=self.now())
            check_map("props", props, new)
            await self._store(user_id, props=props, update_at=new.update_at)
            self._tell_updated(new)
        return new

    async def touch(self, user_id: str, **values: Any) -> None:
        """Set single columns that are no business of the user: `last_login`, `failed_attempts` and the like."""
        async with self.db.transaction():
            await self._store(user_id, **values)

    def _tell_updated(self, user: User) -> None:
        self.publish("user_updated", {"user_id": user.id})

    async def _new_password(self, user: User) -> str:
        if user.auth_service or user.is_bot:
            return ""
        check_password(user.password, self.settings.password_min_length)
        return await self.passwords.hash(user.password)

    async def _check_free(self, user: User) -> None:
        async with self.db.reading() as tx:
            others = select(table.c.username).where(
                table.c.id != user.id, or_(table.c.username == user.username, table.c.email == user.email)
            )
            taken = list((await tx.execute(others)).scalars())
        if user.username in taken:
            raise exists("app.user.save.username_exists.app_error", "The username is taken.", where="CreateUser")
        if taken:
            raise exists("app.user.save.email_exists.app_error", "The address is taken.", where="CreateUser")

    async def _store(self, user_id: str, **values: Any) -> None:
        async with self.db.transaction() as tx:
            await changed(tx, table.update().where(table.c.id == user_id).values(values))

    async def _one(self, condition: ColumnElement[bool], missing: str, where: str) -> User:
        async with self.db.reading() as tx:
            user = await one(tx, User, select(table).where(condition))
        if user is None:
            raise not_found(missing, "user", where=where)
        return user

    async def _many(self, query: Select[Any]) -> list[User]:
        async with self.db.reading() as tx:
            return await many(tx, User, query)
