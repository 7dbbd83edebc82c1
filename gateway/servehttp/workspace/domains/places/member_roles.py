"""The roles of a member of a team or channel: three standard ones as flags, any others by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from mattermost_plugin.models import ChannelMember, TeamMember, User
from servehttp.workspace.errors import AppFailure, invalid

MemberT = TypeVar("MemberT", TeamMember, ChannelMember)

FLAGS = ("guest", "user", "admin")


def is_guest(user: User) -> bool:
    """Whether the account is a guest's, who sees only what they were added to."""
    return "system_guest" in user.roles.split()


def with_all_roles(member: MemberT) -> MemberT:
    """A member as callers see one: `roles` has those that the flags stand for too."""
    standard = [f"{_scope(member)}_{name}" for name in FLAGS if getattr(member, f"scheme_{name}")]
    named = member.roles.split()
    return replace(member, roles=" ".join(named + [role for role in standard if role not in named]))


def with_new_roles(member: MemberT, roles: str) -> MemberT:
    """A member as the store has one, with other roles; the named ones have yet to be looked up.

    Raises:
        AppFailure: 400, neither guest nor user, or both, or another one of the two than before.
    """
    scope = _scope(member)
    names = list(dict.fromkeys(roles.split()))
    flags = {flag: f"{scope}_{flag}" in names for flag in FLAGS}
    named = [name for name in names if name not in {f"{scope}_{flag}" for flag in FLAGS}]
    if flags["guest"] and flags["user"]:
        raise _refused(scope, "guest_and_user", "A member is a guest or a user, not both.")
    if flags["guest"] != member.scheme_guest:
        raise _refused(scope, "changing_guest_role", "Whether a member is a guest cannot be changed here.")
    if not flags["guest"] and not flags["user"]:
        raise _refused(scope, "unset_user_scheme", "A member is a guest or a user.")
    return replace(
        member,
        roles=" ".join(named),
        scheme_guest=flags["guest"],
        scheme_user=flags["user"],
        scheme_admin=flags["admin"],
    )


def _scope(member: TeamMember | ChannelMember) -> str:
    return "team" if isinstance(member, TeamMember) else "channel"


def _refused(scope: str, reason: str, text: str) -> AppFailure:
    where = f"Update{scope.capitalize()}MemberRoles"
    return invalid(f"api.{scope}.update_{scope}_member_roles.{reason}.app_error", text, where=where)
