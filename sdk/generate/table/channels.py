"""Channels, their members, and users' sidebars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mattermost_plugin.api import wire_values
from mattermost_plugin.models import (
    Channel,
    ChannelMember,
    ChannelStats,
    OrderedSidebarCategories,
    SidebarCategoryWithChannels,
)
from notation import repeatable, wire


def create_channel(channel: Channel) -> Channel:
    """Create a public or private channel without members, and return it with its id and times.

    Args:
        channel: the channel; `team_id`, `name` (of its URL), `display_name` and `type` ("O" or "P") are needed.

    Raises:
        ValidationError: a field is missing or malformed, or the name is taken.
    """


def delete_channel(channel_id: str) -> None:
    """Archive a channel. Nothing is erased.

    Raises:
        NotFoundError: there is no such channel.
        ValidationError: the channel cannot be archived, like a team's default one.
    """


@repeatable
def get_channel(channel_id: str) -> Channel:
    """One channel by id.

    Raises:
        NotFoundError: there is no such channel.
    """


@repeatable
def get_channel_by_name(team_id: str, name: str, *, include_deleted: bool = False) -> Channel:
    """One channel by the name in its URL.

    Args:
        team_id: the team's id; empty for direct and group channels.
        name: not the display name.

    Raises:
        NotFoundError: there is no such channel.
    """


@repeatable
def get_channel_by_name_for_team_name(team_name: str, channel_name: str, *, include_deleted: bool = False) -> Channel:
    """One channel by the names in its URL.

    Args:
        team_name: the team's, not its display name.
        channel_name: the channel's, not its display name.

    Raises:
        NotFoundError: there is no such team or channel.
    """


@repeatable
def get_public_channels_for_team(team_id: str, *, page: int = 0, per_page: int = 60) -> list[Channel]:
    """A page of a team's public channels."""


@repeatable
def get_channels_for_team_for_user(team_id: str, user_id: str, *, include_deleted: bool = False) -> list[Channel]:
    """The channels of a user in a team, and their direct and group channels.

    Args:
        team_id: the team's id; empty for all teams.
    """


def update_channel(channel: Channel) -> Channel:
    """Store a channel as given, and return it as stored. Fields left at their defaults are emptied: read it first.

    Raises:
        NotFoundError: there is no such channel.
        ValidationError: a field is malformed.
    """


@repeatable
def search_channels(team_id: str, term: str) -> list[Channel]:
    """Channels of a team by a part of their name or display name.

    Args:
        term: the part; case does not matter.
    """


@repeatable
def get_direct_channel(user_id_1: str, user_id_2: str) -> Channel:
    """The direct channel of two users, created if need be.

    Args:
        user_id_1: one user's id.
        user_id_2: the other's; the same id twice gives the channel users have with themselves.

    Raises:
        NotFoundError: one of the users does not exist.
    """


@repeatable
def get_group_channel(user_ids: Sequence[str]) -> Channel:
    """The group channel of some users, created if need be.

    Args:
        user_ids: three to eight users.

    Raises:
        ValidationError: there are too few or too many users, or one does not exist.
    """


@repeatable
def get_channel_stats(channel_id: str) -> ChannelStats:
    """How many members, guests, pinned posts and files a channel has.

    Raises:
        NotFoundError: there is no such channel.
    """


def add_channel_member(channel_id: str, user_id: str) -> ChannelMember:
    """Add a user to a channel as if they had joined, without a notification, and return the membership.

    Raises:
        NotFoundError: there is no such channel or user.
        ValidationError: the user is not in the channel's team.
    """


def add_user_to_channel(channel_id: str, user_id: str, as_user_id: str = "") -> ChannelMember:
    """Add a user to a channel as if another one had, and return the membership. The user is notified.

    Args:
        as_user_id: who appears as having added the user.

    Raises:
        NotFoundError: there is no such channel or user.
        ValidationError: the user is not in the channel's team.
    """


def delete_channel_member(channel_id: str, user_id: str) -> None:
    """Remove a user from a channel.

    Raises:
        NotFoundError: there is no such channel, or the user is not in it.
        ValidationError: nobody can leave this channel, like a team's default one.
    """


@repeatable
def get_channel_member(channel_id: str, user_id: str) -> ChannelMember:
    """One user's membership in a channel.

    Raises:
        NotFoundError: the user is not in the channel.
    """


@repeatable
def get_channel_members(channel_id: str, *, page: int = 0, per_page: int = 60) -> list[ChannelMember]:
    """A page of a channel's memberships."""


@repeatable
def get_channel_members_by_ids(channel_id: str, user_ids: Sequence[str]) -> list[ChannelMember]:
    """The memberships of some users in a channel; those who are not in it are left out."""


@repeatable
def get_channel_members_for_user(
    team_id: str, user_id: str, *, page: int = 0, per_page: int = 60
) -> list[ChannelMember]:
    """A page of a user's memberships in the channels of a team; direct and group channels count with every team."""


def update_channel_member_roles(channel_id: str, user_id: str, new_roles: str) -> ChannelMember:
    """Replace a member's roles in a channel, and return the membership.

    Raises:
        NotFoundError: the user is not in the channel.
        ValidationError: there is no such role.
    """


def update_channel_member_notifications(
    channel_id: str, user_id: str, notifications: Mapping[str, str]
) -> ChannelMember:
    """Set some notification properties of a member, and return the membership; keys not given stay.

    Args:
        notifications: such as {"desktop": "mention"}; values are "all", "mention", "none", "default" and the like.

    Raises:
        NotFoundError: the user is not in the channel.
        ValidationError: a property has no such value.
    """


def patch_channel_members_notifications(members: Sequence[tuple[str, str]], notify_props: Mapping[str, str]) -> None:
    """Set some notification properties of several memberships; keys not given stay.

    Args:
        members: pairs of a channel's and a user's id, 200 at most.
        notify_props: as in `update_channel_member_notifications`.

    Raises:
        NotFoundError: one of the memberships does not exist.
        ValidationError: there are too many pairs, or a property has no such value.
    """
    # The reference passes the pairs on as they are; the wire has messages.
    wire(members=wire_values.member_identifiers(members))


def create_channel_sidebar_category(
    user_id: str, team_id: str, new_category: SidebarCategoryWithChannels
) -> SidebarCategoryWithChannels:
    """Add a category to a user's sidebar in a team, and return it with its id.

    Raises:
        ValidationError: a field is malformed.
    """


@repeatable
def get_channel_sidebar_categories(user_id: str, team_id: str) -> OrderedSidebarCategories:
    """A user's sidebar in a team: the categories, and their order.

    Raises:
        NotFoundError: there is no such user or team.
    """


def update_channel_sidebar_categories(
    user_id: str, team_id: str, categories: Sequence[SidebarCategoryWithChannels]
) -> list[SidebarCategoryWithChannels]:
    """Store categories of a user's sidebar, and return them as stored. Only those given change.

    Args:
        categories: whole categories. A channel is in one of them: naming it here takes it out of the other.

    Raises:
        ValidationError: a category does not exist or a field is malformed.
    """
