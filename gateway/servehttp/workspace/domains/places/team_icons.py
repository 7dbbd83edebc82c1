"""Teams' icons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.base.images import mime_type
from servehttp.workspace.errors import invalid, not_found
from servehttp.workspace.store.rows import changed, insert, scalar
from servehttp.workspace.store.tables.teams import team_icons as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.teams import Teams


class TeamIcons(Domain):
    """Icons; a team may have none."""

    teams: Teams

    async def get(self, team_id: str) -> bytes:
        """A team's image file.

        Raises:
            AppFailure: 404, there is no such team, or it has none.
        """
        async with self.db.reading() as tx:
            await self.teams.get(team_id)
            image: bytes | None = await scalar(tx, select(table.c.image).where(table.c.team_id == team_id))
        if image is None:
            raise not_found("api.team.get_team_icon.read_file.app_error", "icon", where="GetTeamIcon")
        return image

    async def set(self, team_id: str, data: bytes) -> None:
        """Replace a team's icon.

        Raises:
            AppFailure: 404, there is no such team; 400, it is no image, or too large.
        """
        kind = mime_type(data)
        if len(data) > self.settings.max_file_size:
            raise invalid("api.team.set_team_icon.too_large.app_error", "The image is too large.", where="SetTeamIcon")
        if not kind:
            raise invalid("api.team.set_team_icon.decode.app_error", "This is no image.", where="SetTeamIcon")
        await self._replace(team_id, {"team_id": team_id, "image": data, "mime_type": kind}, self.now())

    async def remove(self, team_id: str) -> None:
        """Have a team without an icon.

        Raises:
            AppFailure: 404, there is no such team.
        """
        await self._replace(team_id, None, 0)

    async def _replace(self, team_id: str, row: dict[str, object] | None, at: int) -> None:
        async with self.db.transaction() as tx:
            team = await self.teams.get(team_id)
            await changed(tx, table.delete().where(table.c.team_id == team_id))
            if row is not None:
                await insert(tx, table, row)
            await self.teams.store(replace(team, last_team_icon_update=at))
