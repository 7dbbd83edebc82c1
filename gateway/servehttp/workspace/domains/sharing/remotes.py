"""Remotes: the other ends of shared channels, which here are plugins."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from mattermost_plugin.models import RemoteCluster
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import not_found
from servehttp.workspace.hooks import HookFailed
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, to_row
from servehttp.workspace.store.tables.shared_channels import remote_clusters as table
from servehttp.workspace.store.tables.shared_channels import shared_channel_remotes

SITE_URL = "plugin://"
"""With which a remote's address begins that is a plugin."""


class Remotes(Domain):
    """Remotes by id. A plugin is one remote at most."""

    async def register(self, plugin_id: str, display_name: str) -> str:
        """Make a plugin a remote, if it is none; returns the remote's id, which stays the same."""
        async with self.db.transaction() as tx:
            known = await self.of_plugin(plugin_id)
            if known is not None:
                new = replace(known, display_name=display_name or known.display_name)
                await changed(tx, table.update().where(table.c.remote_id == new.remote_id).values(to_row(new, table)))
                return known.remote_id
            remote = RemoteCluster(
                remote_id=new_id(), name=plugin_id, display_name=display_name or plugin_id, token=new_id(),
                site_url=SITE_URL + plugin_id, plugin_id=plugin_id, create_at=self.now(), last_ping_at=self.now(),
            )  # fmt: skip
            await insert(tx, table, to_row(remote, table))
        return remote.remote_id

    async def unregister(self, plugin_id: str) -> None:
        """Make a plugin no remote any more; it is in no channel then.

        Raises:
            AppFailure: 404, it is none.
        """
        async with self.db.transaction() as tx:
            remote = await self.of_plugin(plugin_id)
            if remote is None:
                raise not_found("app.remote_cluster.get.app_error", "remote", where="UnregisterPlugin")
            for rows in (shared_channel_remotes, table):
                await changed(tx, rows.delete().where(rows.c.remote_id == remote.remote_id))

    async def get(self, remote_id: str) -> RemoteCluster:
        """One remote.

        Raises:
            AppFailure: 404.
        """
        async with self.db.reading() as tx:
            remote = await one(tx, RemoteCluster, select(table).where(table.c.remote_id == remote_id))
        if remote is None:
            raise not_found("app.remote_cluster.get.app_error", "remote", where="GetRemoteCluster")
        return remote

    async def of_plugin(self, plugin_id: str) -> RemoteCluster | None:
        """The remote that a plugin is, or None."""
        async with self.db.reading() as tx:
            return await one(tx, RemoteCluster, select(table).where(table.c.plugin_id == plugin_id))

    async def ping(self) -> dict[str, bool]:
        """Ask every remote by OnSharedChannelsPing whether it is well; returns the answers by remote.

        One without this hook is well as long as its plugin runs at all; a hook that fails is a no.
        """
        async with self.db.reading() as tx:
            remotes = await many(tx, RemoteCluster, select(table).order_by(table.c.remote_id))
        well = {remote.remote_id: await self._is_well(remote) for remote in remotes}
        async with self.db.transaction() as tx:
            alive = table.c.remote_id.in_([remote_id for remote_id, answer in well.items() if answer])
            await changed(tx, table.update().where(alive).values(last_ping_at=self.now()))
        return well

    async def _is_well(self, remote: RemoteCluster) -> bool:
        hook = "OnSharedChannelsPing"
        if remote.plugin_id not in self.hooks.implementing(hook):
            return self.hooks.is_registered(remote.plugin_id)
        try:
            answer = await self.hooks.ask_one(remote.plugin_id, hook, remote_cluster=remote)
        except HookFailed:
            return False
        return bool(answer.healthy)
