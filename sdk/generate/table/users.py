"""Users: accounts, statuses and profile images."""

from __future__ import annotations

from collections.abc import Sequence

from mattermost_plugin.models import CustomStatus, User, UserAuth, UserStatus, ViewUsersRestrictions
from notation import repeatable, transfer, wire


def create_user(user: User) -> User:
    """Create an account, and return it with its id and times.

    Args:
        user: the account; `username` and `email` are needed, and `password` (clear text) unless `auth_service` is set.

    Raises:
        ValidationError: a field is missing or malformed, or the username or the address is taken.
    """


def delete_user(user_id: str) -> None:
    """Deactivate an account. Nothing is erased, and `update_user_active` brings it back.

    Raises:
        NotFoundError: there is no such user.
    """


@repeatable
def get_user(user_id: str) -> User:
    """One user by id.

    Raises:
        NotFoundError: there is no such user.
    """


@repeatable
def get_user_by_email(email: str) -> User:
    """One user by e-mail address.

    Args:
        email: the whole address; case does not matter.

    Raises:
        NotFoundError: nobody has this address.
    """


@repeatable
def get_user_by_username(username: str) -> User:
    """One user by username.

    Args:
        username: without the "@".

    Raises:
        NotFoundError: nobody has this username.
    """
    wire(name=username)


@repeatable
def get_users_by_ids(user_ids: Sequence[str]) -> list[User]:
    """Those of some users that exist, in no certain order; unknown ids are left out."""


@repeatable
def get_users_by_usernames(usernames: Sequence[str]) -> list[User]:
    """Those of some users that exist, in no certain order; unknown usernames are left out.

    Args:
        usernames: without the "@".
    """


@repeatable
def get_users(
    *,
    in_team_id: str = "",
    not_in_team_id: str = "",
    in_channel_id: str = "",
    not_in_channel_id: str = "",
    in_group_id: str = "",
    not_in_group_id: str = "",
    group_constrained: bool = False,
    without_team: bool = False,
    inactive: bool = False,
    active: bool = False,
    role: str = "",
    roles: Sequence[str] | None = None,
    channel_roles: Sequence[str] | None = None,
    team_roles: Sequence[str] | None = None,
    sort: str = "",
    page: int = 0,
    per_page: int = 60,
    updated_after: int = 0,
    view_restrictions: ViewUsersRestrictions | None = None,
) -> list[User]:
    """A page of the users that meet all conditions given; an empty value is no condition.

    Args:
        inactive: only deactivated users; not together with `active`.
        active: only users that are not deactivated.
        sort: the order, such as "create_at" or "last_activity_at"; empty sorts by username.
        updated_after: only users changed later than this, in milliseconds since the epoch.

    Raises:
        ValidationError: conditions contradict one another.
    """


@repeatable
def get_users_in_team(team_id: str, *, page: int = 0, per_page: int = 60) -> list[User]:
    """A page of a team's members, as users."""


@repeatable
def get_users_in_channel(channel_id: str, *, sort_by: str = "", page: int = 0, per_page: int = 60) -> list[User]:
    """A page of a channel's members, as users.

    Args:
        sort_by: "username" or "status" (who is there comes first); empty means "username".

    Raises:
        ValidationError: `sort_by` is something else.
    """


def update_user(user: User) -> User:
    """Store a user as given, and return it as stored. Fields left at their defaults are emptied: read it first.

    Raises:
        NotFoundError: there is no such user.
        ValidationError: a field is malformed, or the username or the address is taken.
    """


@repeatable
def search_users(
    term: str,
    *,
    team_id: str = "",
    not_in_team_id: str = "",
    in_channel_id: str = "",
    not_in_channel_id: str = "",
    in_group_id: str = "",
    not_in_group_id: str = "",
    group_constrained: bool = False,
    allow_inactive: bool = False,
    without_team: bool = False,
    limit: int = 100,
    role: str = "",
    roles: Sequence[str] | None = None,
    channel_roles: Sequence[str] | None = None,
    team_roles: Sequence[str] | None = None,
) -> list[User]:
    """Users by the beginning of a name, among those that meet all conditions given; an empty value is no condition.

    Args:
        term: begins a username, nickname, first or last name, or an address where the server allows that.
        team_id: only members of this team.
        allow_inactive: include deactivated users.
        limit: how many users at most.
    """


@repeatable
def get_user_status(user_id: str) -> UserStatus:
    """Whether a user is there.

    Raises:
        NotFoundError: there is no such user, or nothing is known of their status.
    """


@repeatable
def get_user_statuses_by_ids(user_ids: Sequence[str]) -> list[UserStatus]:
    """Whether some users are there; those without a known status may be left out."""


def update_user_status(user_id: str, status: str) -> UserStatus:
    """Set a user's status until the user or an integration changes it, and return it.

    Args:
        status: "online", "away", "dnd" or "offline".

    Raises:
        NotFoundError: there is no such user.
        ValidationError: there is no such status.
    """


def set_user_status_timed_dnd(user_id: str, end_time: int) -> UserStatus:
    """Set a user to "do not disturb" up to a moment, and return the status.

    Args:
        end_time: in seconds since the epoch, not milliseconds; the server cuts it to whole minutes.

    Raises:
        NotFoundError: there is no such user.
    """


def update_user_active(user_id: str, active: bool) -> None:
    """Deactivate or reactivate an account.

    Args:
        active: false ends the user's sessions as well.

    Raises:
        NotFoundError: there is no such user.
    """


def update_user_custom_status(user_id: str, custom_status: CustomStatus) -> None:
    """Set the emoji and text next to a user's name.

    Raises:
        NotFoundError: there is no such user.
        ValidationError: the emoji and the text are both empty, or a duration is given without `expires_at`.
    """


def remove_user_custom_status(user_id: str) -> None:
    """Take the emoji and text next to a user's name away; without one it does nothing.

    Raises:
        NotFoundError: there is no such user.
    """


@repeatable
@transfer
def get_profile_image(user_id: str) -> bytes:
    """A user's image file, or the one the server made from the initials.

    Raises:
        NotFoundError: there is no such user.
    """


@transfer
def set_profile_image(user_id: str, data: bytes) -> None:
    """Replace a user's image.

    Args:
        data: an image file in a format the server reads: PNG, JPEG, GIF and others.

    Raises:
        NotFoundError: there is no such user.
        ValidationError: the server cannot read the image, or it is too large.
    """


def publish_user_typing(user_id: str, channel_id: str, parent_id: str = "") -> None:
    """Show a user as typing to the others in a channel, for a few seconds.

    Args:
        parent_id: the first post of the thread typed in; empty outside of threads.
    """


def update_user_auth(user_id: str, user_auth: UserAuth) -> UserAuth:
    """Move a user to another way to log in, but not to a password, and return what is stored.

    Raises:
        NotFoundError: there is no such user.
        ValidationError: the service is unknown, or the key is taken.
    """


def update_user_roles(user_id: str, new_roles: str) -> User:
    """Replace a user's system roles, and return the user.

    Raises:
        NotFoundError: there is no such user.
        ValidationError: there is no such role.
    """


@repeatable
def get_ldap_user_attributes(user_id: str, attributes: Sequence[str]) -> dict[str, str]:
    """Attributes of a user from the directory, by name; those the directory lacks are left out.

    Args:
        attributes: the names to look up.

    Raises:
        NotFoundError: there is no such user, here or in the directory.
        PluginAPIError: the server has no licence for LDAP (501), or the user does not log in with it.
    """
