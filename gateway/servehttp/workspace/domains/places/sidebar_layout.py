"""How the channels of a user are spread over the categories of a sidebar. Nothing here is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mattermost_plugin.models import Channel, SidebarCategoryWithChannels
from servehttp.workspace.domains.places.channel_rules import PRIVATE_TALKS

FAVOURITES, CHANNELS, DIRECT, CUSTOM = "favorites", "channels", "direct_messages", "custom"
"""Types of categories. Every sidebar has the first three."""
BY_DEFAULT, RECENT = 0, 2
"""Ways to sort."""


def first_categories(user_id: str, team_id: str) -> list[SidebarCategoryWithChannels]:
    """The categories that a sidebar has from the beginning, from top to bottom."""
    kinds = (
        (FAVOURITES, "Favorites", BY_DEFAULT),
        (CHANNELS, "Channels", BY_DEFAULT),
        (DIRECT, "Direct Messages", RECENT),
    )
    return [
        SidebarCategoryWithChannels(
            id=f"{kind}_{user_id}_{team_id}", user_id=user_id, team_id=team_id, display_name=name, type=kind,
            sorting=sorting,
        )
        for kind, name, sorting in kinds
    ]  # fmt: skip


def spread(
    categories: Sequence[SidebarCategoryWithChannels], channels: Sequence[Channel]
) -> list[SidebarCategoryWithChannels]:
    """The categories with those of their channels that the user is in, and every other one where its type belongs."""
    present = {channel.id for channel in channels}
    placed = {channel_id for category in categories for channel_id in category.channel_ids}
    rest = [channel for channel in channels if channel.id not in placed]
    extra = {
        CHANNELS: [channel.id for channel in rest if channel.type not in PRIVATE_TALKS],
        DIRECT: [channel.id for channel in rest if channel.type in PRIVATE_TALKS],
    }
    return [
        replace(
            category,
            channel_ids=[one for one in category.channel_ids if one in present] + extra.get(category.type, []),
        )
        for category in categories
    ]


def without(
    categories: Iterable[SidebarCategoryWithChannels], channel_ids: Iterable[str]
) -> list[SidebarCategoryWithChannels]:
    """The categories without some channels."""
    gone = set(channel_ids)
    return [
        replace(category, channel_ids=[one for one in category.channel_ids if one not in gone])
        for category in categories
    ]


def muted(categories: Iterable[SidebarCategoryWithChannels]) -> set[str]:
    """The channels in categories that are muted."""
    return {channel_id for category in categories if category.muted for channel_id in category.channel_ids}


def favourites(categories: Iterable[SidebarCategoryWithChannels]) -> set[str]:
    """The channels among the favourites."""
    return {channel_id for category in categories if category.type == FAVOURITES for channel_id in category.channel_ids}


def changed_category(
    old: SidebarCategoryWithChannels, wanted: SidebarCategoryWithChannels
) -> SidebarCategoryWithChannels:
    """A category with what its user may change: of those that every sidebar has the name stays, and direct messages
    are not muted."""
    return replace(
        old,
        display_name=wanted.display_name if old.type == CUSTOM else old.display_name,
        sorting=wanted.sorting,
        collapsed=wanted.collapsed,
        muted=wanted.muted and old.type != DIRECT,
        channel_ids=list(dict.fromkeys(wanted.channel_ids)),
    )
