"""Shared channels: which channels are shared, with which remotes, and how far each of these is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select

from mattermost_plugin.models import SharedChannel
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import exists, invalid, not_found
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.store.rows import changed, insert, one, to_row
from servehttp.workspace.store.tables.channels import channels
from servehttp.workspace.store.tables.shared_channels import shared_channel_remotes as remotes
from servehttp.workspace.store.tables.shared_channels import shared_channels as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.sharing.remotes import Remotes


@dataclass(frozen=True, order=True)
class Cursor:
    """The last post that a remote has; the id tells apart those changed in the same millisecond.

    Attributes:
        update_at: when it was changed, in milliseconds since the epoch.
        post_id: its id.
    """

    update_at: int
    post_id: str


class SharedChannels(Domain):
    """Shared channels by id."""

    channels: Channels
    remotes: Remotes

    async def share(self, shared: SharedChannel) -> SharedChannel:
        """Share a channel; returns the share.

        Raises:
            AppFailure: 404, there is no such channel; 400, a field is missing, or it is shared already.
        """
        _check(shared)
        async with self.db.transaction() as tx:
            channel = await self.channels.get(shared.channel_id)
            if await self._shared(shared.channel_id) is not None:
                raise exists("app.shared_channel.save.exists.app_error", "The channel is shared.", where="ShareChannel")
            now = self.now()
            made = replace(
                shared, team_id=channel.team_id, type=channel.type, home="" if shared.remote_id else "true",
                create_at=now, update_at=now,
            )  # fmt: skip
            await insert(tx, table, to_row(made, table))
            await self._mark(shared.channel_id, True)
        return made

    async def get(self, channel_id: str) -> SharedChannel:
        """One share.

        Raises:
            AppFailure: 404, the channel is not shared.
        """
        shared = await self._shared(channel_id)
        if shared is None:
            raise not_found("app.shared_channel.get.app_error", "shared channel", where="GetSharedChannel")
        return shared

    async def update(self, shared: SharedChannel) -> SharedChannel:
        """Replace what a channel is shared as; returns the share.

        Raises:
            AppFailure: 404, the channel is not shared; 400, a field is missing.
        """
        async with self.db.transaction() as tx:
            old = await self.get(shared.channel_id)
            new = replace(
                shared, team_id=old.team_id, type=old.type, home=old.home, remote_id=old.remote_id,
                creator_id=old.creator_id, create_at=old.create_at, update_at=self.now(),
            )  # fmt: skip
            _check(new)
            same = table.c.channel_id == shared.channel_id
            await changed(tx, table.update().where(same).values(to_row(new, table)))
        return new

    async def unshare(self, channel_id: str) -> bool:
        """Share a channel no more; returns whether it was shared."""
        async with self.db.transaction() as tx:
            await changed(tx, remotes.delete().where(remotes.c.channel_id == channel_id))
            was_shared = await changed(tx, table.delete().where(table.c.channel_id == channel_id)) > 0
            if was_shared:
                await self._mark(channel_id, False)
        return was_shared

    async def invite(self, channel_id: str, remote_id: str, user_id: str, *, share: bool = False) -> None:
        """Let a remote into a channel, which gets what happens there from now on; again is no error.

        Args:
            channel_id: the channel.
            remote_id: the remote.
            user_id: who invites.
            share: share the channel if it is not shared.

        Raises:
            AppFailure: 404, there is no such channel or remote, or the channel is not shared.
        """
        async with self.db.transaction() as tx:
            await self.remotes.get(remote_id)
            if share and await self._shared(channel_id) is None:
                channel = await self.channels.get(channel_id)
                name = channel.name
                await self.share(SharedChannel(channel_id=channel_id, share_name=name, creator_id=user_id))
            await self.get(channel_id)
            if await self._cursor(channel_id, remote_id) is None:
                await insert(tx, remotes, self._invited(channel_id, remote_id, user_id))

    async def uninvite(self, channel_id: str, remote_id: str) -> None:
        """Let a remote into a channel no more.

        Raises:
            AppFailure: 404, it is not there.
        """
        async with self.db.transaction() as tx:
            await self.cursor(channel_id, remote_id)
            await changed(tx, remotes.delete().where(_there(channel_id, remote_id)))

    async def remotes_of(self, channel_id: str) -> list[str]:
        """The ids of the remotes that are in a channel."""
        query = select(remotes.c.remote_id).where(remotes.c.channel_id == channel_id, remotes.c.delete_at == 0)
        async with self.db.reading() as tx:
            return list((await tx.execute(query.order_by(remotes.c.remote_id))).scalars())

    async def cursor(self, channel_id: str, remote_id: str) -> Cursor:
        """How far a remote is in a channel.

        Raises:
            AppFailure: 404, it is not there.
        """
        cursor = await self._cursor(channel_id, remote_id)
        if cursor is None:
            raise not_found("app.shared_channel_remote.get.app_error", "remote in the channel", where="SharedChannels")
        return cursor

    async def set_cursor(self, channel_id: str, remote_id: str, cursor: Cursor) -> None:
        """Note how far a remote is in a channel.

        Raises:
            AppFailure: 404, it is not there.
        """
        values = {"last_post_update_at": cursor.update_at, "last_post_id": cursor.post_id, "update_at": self.now()}
        async with self.db.transaction() as tx:
            await self.cursor(channel_id, remote_id)
            await changed(tx, remotes.update().where(_there(channel_id, remote_id)).values(values))

    def _invited(self, channel_id: str, remote_id: str, user_id: str) -> dict[str, object]:
        now = self.now()
        return {
            "channel_id": channel_id,
            "remote_id": remote_id,
            "id": new_id(),
            "creator_id": user_id,
            "create_at": now,
            "update_at": now,
            "delete_at": 0,
            "is_invite_accepted": True,
            "is_invite_confirmed": True,
            "last_post_update_at": now,
            "last_post_id": "",
            "last_post_create_at": now,
            "last_post_create_id": "",
        }

    async def _shared(self, channel_id: str) -> SharedChannel | None:
        async with self.db.reading() as tx:
            return await one(tx, SharedChannel, select(table).where(table.c.channel_id == channel_id))

    async def _cursor(self, channel_id: str, remote_id: str) -> Cursor | None:
        query = select(remotes.c.last_post_update_at, remotes.c.last_post_id).where(_there(channel_id, remote_id))
        async with self.db.reading() as tx:
            row = (await tx.execute(query)).first()
        return None if row is None else Cursor(*row)

    async def _mark(self, channel_id: str, shared: bool) -> None:
        values = {"shared": shared, "update_at": self.now()}
        async with self.db.transaction() as tx:
            await changed(tx, channels.update().where(channels.c.id == channel_id).values(values))


def _there(channel_id: str, remote_id: str) -> ColumnElement[bool]:
    return (remotes.c.channel_id == channel_id) & (remotes.c.remote_id == remote_id)


def _check(shared: SharedChannel) -> None:
    if not shared.share_name or not is_id(shared.channel_id) or not is_id(shared.creator_id):
        raise invalid(
            "model.shared_channel.is_valid.app_error",
            "A share needs a channel, a name and who shares it.",
            where="SharedChannel.IsValid",
        )
