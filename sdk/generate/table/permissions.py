"""Permissions and roles."""

from __future__ import annotations

from collections.abc import Sequence

from notation import repeatable


@repeatable
def has_permission_to(user_id: str, permission_id: str) -> bool:
    """Whether a user has a permission by their system roles; False also for an unknown user."""


@repeatable
def has_permission_to_team(user_id: str, team_id: str, permission_id: str) -> bool:
    """Whether a user has a permission in a team; False also for an unknown user or team."""


@repeatable
def has_permission_to_channel(user_id: str, channel_id: str, permission_id: str) -> bool:
    """Whether a user has a permission in a channel; False also for an unknown user or channel."""


@repeatable
def roles_grant_permission(role_names: Sequence[str], permission_id: str) -> bool:
    """Whether any of some roles has a permission; unknown roles have none.

    Args:
        role_names: such as "system_admin" or "channel_user".
    """
