"""Preferences: the settings of users' clients."""

from __future__ import annotations

from collections.abc import Sequence

from mattermost_plugin.models import Preference
from notation import repeatable


@repeatable
def get_preference_for_user(user_id: str, category: str, name: str) -> Preference:
    """One preference of a user.

    Args:
        category: such as "display_settings".
        name: its name within the category.

    Raises:
        NotFoundError: it is not set; some hosts say so with a ValidationError.
    """


@repeatable
def get_preferences_for_user(user_id: str) -> list[Preference]:
    """All preferences of a user."""


def update_preferences_for_user(user_id: str, preferences: Sequence[Preference]) -> None:
    """Store some preferences of a user; the others stay.

    Raises:
        ValidationError: a preference is malformed or of another user.
    """


def delete_preferences_for_user(user_id: str, preferences: Sequence[Preference]) -> None:
    """Delete some preferences of a user; their values do not matter, and one that is not set is no error.

    Raises:
        ValidationError: a preference is of another user.
    """
