"""Groups, their members, and the teams and channels linked to them."""

from __future__ import annotations

from collections.abc import Sequence

from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.models import Group, GroupMember, GroupSearchOpts, GroupSyncable, User, ViewUsersRestrictions
from notation import repeatable, wire


def create_group(group: Group) -> Group:
    """Create a group without members, and return it with its id and times.

    Args:
        group: `display_name` and `source` are needed.

    Raises:
        ValidationError: a field is missing or malformed, or the name is taken.
    """


@repeatable
def get_group(group_id: str) -> Group:
    """One group by id.

    Raises:
        NotFoundError: there is no such group.
    """


@repeatable
def get_group_by_name(name: str) -> Group:
    """One group by the name one mentions it with.

    Args:
        name: without the "@".

    Raises:
        NotFoundError: there is no such group.
    """


@repeatable
def get_group_by_remote_id(remote_id: str, group_source: str) -> Group:
    """One group by its id at its source.

    Args:
        remote_id: the id there.
        group_source: see `Group.source`.

    Raises:
        NotFoundError: there is no such group.
    """


def update_group(group: Group) -> Group:
    """Store a group as given, and return it as stored. Fields left at their defaults are emptied: read it first.

    Raises:
        NotFoundError: there is no such group.
        ValidationError: a field is malformed, or the name is taken.
    """


def delete_group(group_id: str) -> Group:
    """Mark a group as deleted, and return it.

    Raises:
        NotFoundError: there is no such group.
    """


def restore_group(group_id: str) -> Group:
    """Take the mark of deletion off a group, and return it.

    Raises:
        NotFoundError: there is no such group, or it is not deleted.
    """


@repeatable
def get_groups(
    *,
    page: int = 0,
    per_page: int = 60,
    opts: GroupSearchOpts | None = None,
    view_restrictions: ViewUsersRestrictions | None = None,
) -> list[Group]:
    """A page of the groups that meet the conditions.

    Args:
        opts: the conditions; its own paging is not used.
    """
    # The reference cannot send `opts` and `view_restrictions`.


@repeatable
def get_groups_by_source(source: str) -> list[Group]:
    """All groups from a source.

    Args:
        source: see `Group.source`.
    """
    wire(group_source=source)


@repeatable
def get_groups_for_user(user_id: str) -> list[Group]:
    """The groups a user is in."""


@repeatable
def get_group_member_users(group_id: str, *, page: int = 0, per_page: int = 60) -> list[User]:
    """A page of a group's members, as users.

    Raises:
        NotFoundError: there is no such group.
    """


def upsert_group_member(group_id: str, user_id: str) -> GroupMember:
    """Add a user to a group, also one that was removed before, and return the membership.

    Raises:
        NotFoundError: there is no such group or user.
    """


def upsert_group_members(group_id: str, user_ids: Sequence[str]) -> list[GroupMember]:
    """Add several users to a group, and return the memberships.

    Raises:
        NotFoundError: there is no such group, or one of the users does not exist.
    """


def delete_group_member(group_id: str, user_id: str) -> GroupMember:
    """Remove a user from a group, and return the membership that was.

    Raises:
        NotFoundError: the user is not in the group.
    """


@repeatable
def get_group_syncable(group_id: str, syncable_id: str, syncable_type: str) -> GroupSyncable:
    """The link of a group to one team or channel.

    Raises:
        NotFoundError: there is no such link.
    """


@repeatable
def get_group_syncables(group_id: str, syncable_type: str) -> list[GroupSyncable]:
    """All links of a group to teams, or to channels."""


def upsert_group_syncable(syncable: GroupSyncable) -> GroupSyncable:
    """Create or replace the link of a group to a team or channel, and return it.

    Raises:
        NotFoundError: there is no such group, team or channel.
    """
    wire(group_syncable=syncable)


def update_group_syncable(syncable: GroupSyncable) -> GroupSyncable:
    """Replace the link of a group to a team or channel, and return it.

    Raises:
        NotFoundError: there is no such link.
    """
    wire(group_syncable=syncable)


def delete_group_syncable(group_id: str, syncable_id: str, syncable_type: str) -> GroupSyncable:
    """Remove the link of a group to a team or channel, and return it.

    Raises:
        NotFoundError: there is no such link.
    """


def create_default_syncable_memberships(
    *,
    since: int = 0,
    scope_teams: bool = False,
    scope_channels: bool = False,
    re_add_removed_members: bool = False,
) -> None:
    """Add members of groups to the teams and channels linked to their groups.

    Args:
        since: only changes of groups and links made later, in milliseconds since the epoch; 0 for all.
        scope_teams: look at teams.
        scope_channels: look at channels.
        re_add_removed_members: also those who left or were removed.
    """
    wire(
        params=api_remaining_pb2.CreateDefaultMembershipParams(
            since=since,
            scope_teams=scope_teams,
            scope_channels=scope_channels,
            re_add_removed_members=re_add_removed_members,
        )
    )


def delete_group_constrained_memberships() -> None:
    """Remove, from teams and channels that groups manage, everyone who is in none of those groups."""
