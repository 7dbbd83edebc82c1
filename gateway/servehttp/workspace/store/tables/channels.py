"""Channels, who is in them, and how each user orders them."""

from __future__ import annotations

from mattermost_plugin.models import Channel, ChannelMember, SidebarCategoryWithChannels
from servehttp.workspace.store.tables.columns import index, json, model_table, number, table, text

channels = model_table(
    "channels",
    Channel,
    index("team_id", "name", unique=True),
    index("team_id", "type", "delete_at"),
    index("update_at"),
)
"""`team_id` is empty for direct and group channels, whose names are unique too. `banner_info` is JSON."""

channel_members = model_table("channel_members", ChannelMember, index("user_id"), key="channel_id user_id")

channel_member_history = table(
    "channel_member_history",
    text("channel_id", key=True),
    text("user_id", key=True),
    number("join_time", key=True),
    number("leave_time"),
)
"""`leave_time` 0: still there."""

sidebar_categories = model_table(
    "sidebar_categories", SidebarCategoryWithChannels, number("sort_order"), index("user_id", "team_id")
)

channel_bookmarks = table(
    "channel_bookmarks",
    text("id", key=True),
    text("channel_id"),
    number("sort_order"),
    number("delete_at"),
    json("bookmark"),
    index("channel_id"),
)
