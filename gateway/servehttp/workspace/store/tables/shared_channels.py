"""Channels shared with other workspaces, and those workspaces."""

from __future__ import annotations

from mattermost_plugin.models import RemoteCluster, SharedChannel
from servehttp.workspace.store.tables.columns import flag, index, model_table, number, table, text

shared_channels = model_table("shared_channels", SharedChannel, key="channel_id")
"""`home` is whether the channel is at home here, as the model has it."""

remote_clusters = model_table("remote_clusters", RemoteCluster, index("plugin_id"), key="remote_id")

shared_channel_remotes = table(
    "shared_channel_remotes",
    text("channel_id", key=True),
    text("remote_id", key=True),
    text("id"),
    text("creator_id"),
    number("create_at"),
    number("update_at"),
    number("delete_at"),
    flag("is_invite_accepted"),
    flag("is_invite_confirmed"),
    number("last_post_update_at"),
    text("last_post_id"),
    number("last_post_create_at"),
    text("last_post_create_id"),
    index("remote_id"),
)
