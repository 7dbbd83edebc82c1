"""Who is in which team."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, select

from mattermost_plugin.models import AppError, Team, TeamMember, TeamMemberWithError, User, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.places.member_roles import is_guest, with_all_roles, with_new_roles
from servehttp.workspace.domains.places.team_rules import check_domain
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.store.rows import changed, insert, many, one, paged, to_row
from servehttp.workspace.store.tables.teams import team_members as table
from servehttp.workspace.validation import ADDED_MAX, check_count

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.config import Config
    from servehttp.workspace.domains.people.roles import Roles
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.places.channel_members import ChannelMembers
    from servehttp.workspace.domains.places.teams import Teams


class TeamMembers(Domain):
    """Memberships in teams. Who leaves one remains on record, with `delete_at`, and may come back."""

    channel_members: ChannelMembers
    config: Config
    roles: Roles
    teams: Teams
    users: Users

    async def add(self, team_id: str, user_id: str, requestor_id: str = "") -> TeamMember:
        """Take a user into a team and its default channels; nothing happens to one who is in it.

        Args:
            team_id: the team.
            user_id: the user.
            requestor_id: who adds the user; empty if they join by themselves, or by a plugin.

        Raises:
            AppFailure: 404, no such team or user; 400, the team is full or wants addresses of other domains.
        """
        async with self.db.transaction():
            team, user = await self.teams.get(team_id), await self.users.get(user_id)
            present = await self._find(team_id, user_id)
            if present is not None and not present.delete_at:
                return with_all_roles(present)
            check_domain(team, user)
            await self._check_room(team_id)
            return await self._join(team, user, requestor_id)

    async def sign_up(self, team_id: str, user: User) -> User:
        """Create an account that is in a team from the beginning; if that cannot be, there is no account either.

        Raises:
            AppFailure: as `add` and `Users.create` do.
        """
        account = await self.users.prepare(user)
        async with self.db.transaction():
            made = await self.users.add(account)
            await self.add(team_id, made.id)
        return made

    async def add_all(self, team_id: str, user_ids: Sequence[str], requestor_id: str = "") -> list[TeamMember]:
        """Take users into a team, none if one of them does not exist.

        Each is a transaction of its own, so that others can write in between; one who cannot be added ends it.

        Raises:
            AppFailure: as `add` does, for the first that cannot be added; 400, they are more than `ADDED_MAX`.
        """
        known = await self._existing(user_ids)
        if unknown := [user_id for user_id in user_ids if user_id not in known]:
            await self.users.get(unknown[0])
        return [await self.add(team_id, user_id, requestor_id) for user_id in user_ids]

    async def add_gracefully(
        self, team_id: str, user_ids: Sequence[str], requestor_id: str = ""
    ) -> list[TeamMemberWithError]:
        """Take those of these users into a team that can be; returns what became of each.

        Raises:
            AppFailure: 400, they are more than `ADDED_MAX`.
        """
        known = await self._existing(user_ids)
        return [await self._try_add(team_id, user_id, requestor_id, known) for user_id in user_ids]

    async def remove(self, team_id: str, user_id: str, requestor_id: str = "") -> None:
        """Take a user out of a team and its channels.

        Args:
            team_id: the team.
            user_id: the user.
            requestor_id: who removes the user; empty if they leave by themselves, or by a plugin.

        Raises:
            AppFailure: 404, no such team or user; 400, the user is not in the team.
        """
        async with self.db.transaction() as tx:
            team, user = await self.teams.get(team_id), await self.users.get(user_id)
            member = await self._find(team_id, user_id)
            if member is None or member.delete_at:
                raise _not_in_team()
            await self.channel_members.leave_all(team.id, user.id)
            left = replace(member, delete_at=self.now(), roles="")
            values = {"delete_at": left.delete_at, "roles": ""}
            await changed(tx, table.update().where(_is(team_id, user_id)).values(values))
            await self._tell("UserHasLeftTeam", left, requestor_id)
            self._publish("leave_team", left, WebsocketBroadcast(team_id=team_id))
            self._publish("leave_team", left, WebsocketBroadcast(user_id=user_id))

    async def get(self, team_id: str, user_id: str) -> TeamMember:
        """One membership, past ones too.

        Raises:
            AppFailure: 404.
        """
        member = await self._find(team_id, user_id)
        if member is None:
            raise not_found("app.team.get_member.missing.app_error", "member of this team", where="GetTeamMember")
        return with_all_roles(member)

    async def of_team(self, team_id: str, page: int = 0, per_page: int = 60) -> list[TeamMember]:
        """A page of a team's members."""
        present = and_(table.c.team_id == team_id, table.c.delete_at == 0)
        return await self._page(present, table.c.user_id, page, per_page)

    async def by_ids(self, team_id: str, user_ids: Sequence[str]) -> list[TeamMember]:
        """The memberships of those of these users that are in a team."""
        present = and_(table.c.team_id == team_id, table.c.delete_at == 0, table.c.user_id.in_(user_ids))
        return await self._page(present, table.c.user_id, 0, len(user_ids))

    async def of_user(self, user_id: str, page: int = 0, per_page: int = 60) -> list[TeamMember]:
        """A page of a user's memberships, past ones too."""
        return await self._page(table.c.user_id == user_id, table.c.team_id, page, per_page)

    async def set_roles(self, team_id: str, user_id: str, roles: str) -> TeamMember:
        """Replace a member's roles; returns the member.

        Raises:
            AppFailure: 404, no such member; 400, these roles do not go together, one does not exist, or is of another
                scope.
        """
        async with self.db.transaction() as tx:
            await self.get(team_id, user_id)
            old = await self._find(team_id, user_id)
            new = with_new_roles(old or TeamMember(), roles)
            await self.roles.check_assignable(new.roles.split(), "team")
            await changed(tx, table.update().where(_is(team_id, user_id)).values(to_row(new, table)))
            member = with_all_roles(new)
            self.publish("memberrole_updated", {"member": member}, WebsocketBroadcast(user_id=user_id))
        return member

    async def _existing(self, user_ids: Sequence[str]) -> set[str]:
        """Those of these users that there are, read at once and before the writer's turn is taken."""
        check_count(user_ids, ADDED_MAX, "user_ids")
        return {user.id for user in await self.users.by_ids(user_ids)}

    async def _try_add(self, team_id: str, user_id: str, requestor_id: str, known: Set[str]) -> TeamMemberWithError:
        try:
            if user_id not in known:
                raise not_found("app.user.missing_account.const", "user", where="GetUser")
            return TeamMemberWithError(user_id=user_id, member=await self.add(team_id, user_id, requestor_id))
        except AppFailure as failure:
            return TeamMemberWithError(user_id=user_id, error=_as_model(failure))

    async def _join(self, team: Team, user: User, requestor_id: str) -> TeamMember:
        guest = is_guest(user)
        admin = not guest and bool(team.email) and team.email == user.email
        member = TeamMember(
            team_id=team.id, user_id=user.id, scheme_guest=guest, scheme_user=not guest, scheme_admin=admin,
            create_at=self.now(),
        )  # fmt: skip
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(_is(team.id, user.id)))
            await insert(tx, table, to_row(member, table))
            await self._tell("UserHasJoinedTeam", member, requestor_id)
            self._publish("added_to_team", member, WebsocketBroadcast(user_id=user.id))
            if not guest:
                await self.channel_members.join_default(team.id, user, admin=admin, requestor_id=requestor_id)
        return with_all_roles(member)

    async def _check_room(self, team_id: str) -> None:
        most = (await self.config.section("TeamSettings"))["MaxUsersPerTeam"]
        if (await self.teams.stats(team_id)).active_member_count >= most:
            raise invalid(
                "app.team.join_user_to_team.max_accounts.app_error", "The team is full.", where="JoinUserToTeam"
            )

    async def _tell(self, hook: str, member: TeamMember, actor_id: str) -> None:
        actor = await self.users.get(actor_id) if actor_id else None
        self.notify(hook, team_member=with_all_roles(member), actor=actor)

    def _publish(self, event: str, member: TeamMember, broadcast: WebsocketBroadcast) -> None:
        self.publish(event, {"team_id": member.team_id, "user_id": member.user_id}, broadcast)

    async def _find(self, team_id: str, user_id: str) -> TeamMember | None:
        async with self.db.reading() as tx:
            return await one(tx, TeamMember, select(table).where(_is(team_id, user_id)))

    async def _page(
        self, condition: ColumnElement[bool], order: ColumnElement[str], page: int, per_page: int
    ) -> list[TeamMember]:
        query = paged(select(table).where(condition).order_by(order), page, per_page)
        async with self.db.reading() as tx:
            return [with_all_roles(member) for member in await many(tx, TeamMember, query)]


def _is(team_id: str, user_id: str) -> ColumnElement[bool]:
    return and_(table.c.team_id == team_id, table.c.user_id == user_id)


def _not_in_team() -> AppFailure:
    return invalid(
        "api.team.remove_user_from_team.missing.app_error", "The user is not in the team.", where="RemoveUserFromTeam"
    )


def _as_model(failure: AppFailure) -> AppError:
    return AppError(
        id=failure.id,
        message=failure.message,
        detailed_error=failure.detail,
        status_code=failure.status,
        where=failure.where,
        params=failure.params,
    )
