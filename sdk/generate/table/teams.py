"""Teams and their members."""

from __future__ import annotations

from collections.abc import Sequence

from mattermost_plugin.models import Team, TeamMember, TeamMemberWithError, TeamStats, TeamUnread
from notation import repeatable, transfer


def create_team(team: Team) -> Team:
    """Create a team without members, and return it with its id and times.

    Args:
        team: the team; `name` (of its URL) and `display_name` are needed.

    Raises:
        ValidationError: a field is missing or malformed, or the name is taken.
    """


def delete_team(team_id: str) -> None:
    """Archive a team. Nothing is erased.

    Raises:
        NotFoundError: there is no such team.
    """


@repeatable
def get_team(team_id: str) -> Team:
    """One team by id.

    Raises:
        NotFoundError: there is no such team.
    """


@repeatable
def get_team_by_name(name: str) -> Team:
    """One team by the name in its URL.

    Args:
        name: not the display name.

    Raises:
        NotFoundError: there is no such team.
    """


@repeatable
def get_teams() -> list[Team]:
    """All teams of the server, in one reply."""


@repeatable
def get_teams_for_user(user_id: str) -> list[Team]:
    """The teams a user is in."""


def update_team(team: Team) -> Team:
    """Store a team as given, and return it as stored. Fields left at their defaults are emptied: read it first.

    Raises:
        NotFoundError: there is no such team.
        ValidationError: a field is malformed.
    """


@repeatable
def search_teams(term: str) -> list[Team]:
    """Teams by a part of their name or display name.

    Args:
        term: the part; case does not matter.
    """


@repeatable
def get_teams_unread_for_user(user_id: str) -> list[TeamUnread]:
    """What a user has not read, by team."""


def create_team_member(team_id: str, user_id: str) -> TeamMember:
    """Add a user to a team, and return the membership; a present one is returned as it is.

    Raises:
        NotFoundError: there is no such team or user.
        ValidationError: the team does not accept the user, for instance by the domain of their address.
    """


def create_team_members(team_id: str, user_ids: Sequence[str], requestor_id: str = "") -> list[TeamMember]:
    """Add several users to a team; one failure fails the call, although others may have been added.

    Raises:
        NotFoundError: there is no such team, or one of the users does not exist.
        ValidationError: the team does not accept one of the users.
    """


def create_team_members_gracefully(
    team_id: str, user_ids: Sequence[str], requestor_id: str = ""
) -> list[TeamMemberWithError]:
    """Add several users to a team, and report on each: `member` or `error` is set.

    Raises:
        NotFoundError: there is no such team.
    """


def delete_team_member(team_id: str, user_id: str, requestor_id: str = "") -> None:
    """Remove a user from a team and its channels.

    Raises:
        NotFoundError: there is no such team or user, or the user is not in the team.
    """


@repeatable
def get_team_member(team_id: str, user_id: str) -> TeamMember:
    """One user's membership in a team. One who has left has `delete_at` set.

    Raises:
        NotFoundError: the user never was in the team.
    """


@repeatable
def get_team_members(team_id: str, *, page: int = 0, per_page: int = 60) -> list[TeamMember]:
    """A page of a team's memberships."""


@repeatable
def get_team_members_for_user(user_id: str, *, page: int = 0, per_page: int = 60) -> list[TeamMember]:
    """A page of a user's memberships in teams."""


def update_team_member_roles(team_id: str, user_id: str, new_roles: str) -> TeamMember:
    """Replace a member's roles in a team, and return the membership.

    Raises:
        NotFoundError: the user is not in the team.
        ValidationError: there is no such role.
    """


@repeatable
@transfer
def get_team_icon(team_id: str) -> bytes:
    """A team's image file.

    Raises:
        NotFoundError: there is no such team, or it has no image.
    """


@transfer
def set_team_icon(team_id: str, data: bytes) -> None:
    """Replace a team's image.

    Args:
        data: an image file in a format the server reads: PNG, JPEG, GIF and others.

    Raises:
        NotFoundError: there is no such team.
        ValidationError: the server cannot read the image, or it is too large.
    """


def remove_team_icon(team_id: str) -> None:
    """Take a team's image away; without one it does nothing.

    Raises:
        NotFoundError: there is no such team.
    """


@repeatable
def get_team_stats(team_id: str) -> TeamStats:
    """How many members a team has, in all and active.

    Raises:
        NotFoundError: there is no such team.
    """
