"""Whom a user may know of: everybody, or, as a guest, those with whom they share a channel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from mattermost_plugin.models import ViewUsersRestrictions
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.store.tables.channels import channel_members as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.permissions import Permissions

PERMISSION = "view_members"


class VisibleUsers(Domain):
    """Whom a user may know of."""

    permissions: Permissions

    async def restrictions(self, viewer_id: str) -> ViewUsersRestrictions | None:
        """What restricts whom a user sees, for a `UserFilter`; None if nothing does."""
        if await self.permissions.has(viewer_id, PERMISSION):
            return None
        query = select(table.c.channel_id).where(table.c.user_id == viewer_id)
        async with self.db.reading() as tx:
            return ViewUsersRestrictions(channels=list((await tx.execute(query)).scalars()))

    async def among(self, viewer_id: str, user_ids: Sequence[str]) -> Collection[str]:
        """Those of these ids that a user may know of; oneself always."""
        restricted = await self.restrictions(viewer_id)
        if restricted is None:
            return user_ids
        shared = table.c.channel_id.in_(restricted.channels), table.c.user_id.in_(user_ids)
        async with self.db.reading() as tx:
            found = (await tx.execute(select(table.c.user_id).where(*shared).distinct())).scalars()
        return {*found} | {viewer_id} & {*user_ids}

    async def check(self, viewer_id: str, user_ids: Sequence[str]) -> None:
        """Accept users whom a user may know of.

        Raises:
            AppFailure: 403, one of them is none of these, be it that nobody has the id.
        """
        if not {*user_ids} <= {*await self.among(viewer_id, user_ids)}:
            raise self.permissions.denied(PERMISSION)
