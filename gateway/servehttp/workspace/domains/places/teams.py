"""Teams."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from mattermost_plugin.models import Channel, Team, TeamStats, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.places.team_rules import check_team, normalised
from servehttp.workspace.errors import exists, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, scalar, to_row
from servehttp.workspace.store.tables.teams import team_members as members
from servehttp.workspace.store.tables.teams import teams as table
from servehttp.workspace.store.tables.users import users
from servehttp.workspace.validation import check_search

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.places.team_members import TeamMembers

DEFAULT_CHANNELS = {"town-square": "Town Square", "off-topic": "Off-Topic"}
"""The channels of every team, by name, with what people see; who joins the team joins them."""
CHANGEABLE = ("display_name", "description", "company_name", "allowed_domains", "allow_open_invite")
"""Fields that `update` stores, beside `group_constrained`."""
SEARCH_MAX = 100


class Teams(Domain):
    """Teams. A deleted one is archived: it is still there for those who know its id or name."""

    channels: Channels
    team_members: TeamMembers
    users: Users

    async def create(self, team: Team, creator_id: str = "") -> Team:
        """Create a team with its default channels; who creates it, if anybody, becomes its administrator.

        Raises:
            AppFailure: 400, a field is malformed or the name is taken; 404, there is no such creator.
        """
        async with self.db.transaction() as tx:
            creator = await self.users.get(creator_id) if creator_id else None
            team = normalised(replace(team, email=creator.email) if creator else team)
            check_team(team)
            if await scalar(tx, select(table.c.id).where(table.c.name == team.name)) is not None:
                raise exists("app.team.save.existing.app_error", "There is a team of this name.", where="CreateTeam")
            now = self.now()
            made = replace(team, id=new_id(), create_at=now, update_at=now, delete_at=0, invite_id=new_id())
            await insert(tx, table, to_row(made, table))
            await self._create_default_channels(made.id)
            if creator is not None:
                await self.team_members.add(made.id, creator.id)
        return made

    async def get(self, team_id: str) -> Team:
        """One team, archived or not.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.id == team_id, "app.team.get.find.app_error", "GetTeam")

    async def get_by_name(self, name: str) -> Team:
        """The team of a name, archived or not.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.name == name, "app.team.get_by_name.missing.app_error", "GetTeamByName")

    async def get_by_invite_id(self, invite_id: str) -> Team:
        """The team that an invitation is for, unless it is archived.

        Raises:
            AppFailure: 404.
        """
        found = (table.c.invite_id == invite_id) & (table.c.delete_at == 0)
        return await self._one(found, "app.team.get_by_invite_id.finding.app_error", "GetTeamByInviteId")

    async def all(self) -> list[Team]:
        """Every team, archived ones too."""
        return await self._many(select(table))

    async def of_user(self, user_id: str) -> list[Team]:
        """The teams a user is in, without archived ones."""
        of_user = select(members.c.team_id).where(members.c.user_id == user_id, members.c.delete_at == 0)
        return await self._many(select(table).where(table.c.id.in_(of_user), table.c.delete_at == 0))

    async def search(self, term: str) -> list[Team]:
        """The teams with a term in their name or display name, in any case, without archived ones."""
        check_search(term)
        word = term.strip().lower()
        names = (table.c.name, table.c.display_name)
        found = or_(*(func.lower(name).contains(word, autoescape=True) for name in names))
        return await self._many(select(table).where(found, table.c.delete_at == 0).limit(SEARCH_MAX))

    async def update(self, team: Team) -> Team:
        """Store a team's description and who may join; its name and type stay. Returns what is stored.

        Raises:
            AppFailure: 404; 400, a field is malformed.
        """
        async with self.db.transaction():
            old = await self.get(team.id)
            values: dict[str, Any] = {name: getattr(normalised(team), name) for name in CHANGEABLE}
            new = replace(old, **values, group_constrained=team.group_constrained)
            check_team(new)
            return await self.store(new)

    async def regenerate_invite_id(self, team_id: str) -> Team:
        """End the invitations to a team; returns it with the id for new ones.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            return await self.store(replace(await self.get(team_id), invite_id=new_id()))

    async def delete(self, team_id: str) -> None:
        """Archive a team.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            await self.store(replace(await self.get(team_id), delete_at=self.now()), event="delete_team")

    async def restore(self, team_id: str) -> Team:
        """Take a team out of the archive; returns it.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            return await self.store(replace(await self.get(team_id), delete_at=0), event="restore_team")

    async def stats(self, team_id: str) -> TeamStats:
        """How many members a team has, and how many of them are active; none if there is no such team."""
        query = select(func.count()).select_from(members.join(users, users.c.id == members.c.user_id))
        query = query.where(members.c.team_id == team_id, members.c.delete_at == 0)
        async with self.db.reading() as tx:
            total = int(await scalar(tx, query))
            active = int(await scalar(tx, query.where(users.c.delete_at == 0)))
        return TeamStats(team_id=team_id, total_member_count=total, active_member_count=active)

    async def store(self, team: Team, *, event: str = "update_team") -> Team:
        """Store all of a team, for the domains of this package, and tell its members; returns it as stored."""
        new = replace(team, update_at=self.now())
        async with self.db.transaction() as tx:
            await changed(tx, table.update().where(table.c.id == new.id).values(to_row(new, table)))
            # Who may join without an invitation sees the team without being in it; the secrets are not for them.
            shown = replace(new, email="", invite_id="")
            self.publish(event, {"team": shown}, WebsocketBroadcast(team_id="" if new.allow_open_invite else new.id))
        return new

    async def _create_default_channels(self, team_id: str) -> None:
        for name, display_name in DEFAULT_CHANNELS.items():
            await self.channels.create(Channel(team_id=team_id, name=name, display_name=display_name))

    async def _one(self, condition: ColumnElement[bool], missing: str, where: str) -> Team:
        async with self.db.reading() as tx:
            team = await one(tx, Team, select(table).where(condition))
        if team is None:
            raise not_found(missing, "team", where=where)
        return team

    async def _many(self, query: Select[Any]) -> list[Team]:
        async with self.db.reading() as tx:
            return await many(tx, Team, query.order_by(func.lower(table.c.display_name), table.c.name))
