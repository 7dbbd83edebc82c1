"""What an account must be like, and how it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from mattermost_plugin.models import User
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.validation import check_length, is_email, is_username

LONGEST = {"nickname": 64, "first_name": 64, "last_name": 64, "position": 128, "roles": 256, "locale": 5}
"""Characters."""
LONGEST_JSON = {"props": 4000, "notify_props": 2000, "timezone": 256}
"""Characters of the whole as JSON; what Mattermost's tables hold."""
AUTH_DATA_MAX = 128

DEFAULT_NOTIFY_PROPS = {
    "email": "true",
    "push": "mention",
    "desktop": "mention",
    "desktop_sound": "true",
    "mention_keys": "",
    "channel": "true",
    "first_name": "false",
    "push_status": "online",
    "comments": "never",
}
DEFAULT_TIMEZONE = {"useAutomaticTimezone": "true", "automaticTimezone": "", "manualTimezone": ""}


def normalised(user: User) -> User:
    """The account with what is the same in any case in lower case, and defaults for what is not given."""
    return replace(
        user,
        username=user.username.strip().lower(),
        email=user.email.strip().lower(),
        locale=user.locale or "en",
        auth_data=user.auth_data or None,
        notify_props=user.notify_props or DEFAULT_NOTIFY_PROPS,
        timezone=user.timezone or DEFAULT_TIMEZONE,
    )


def check_user(user: User) -> None:
    """Accept an account.

    Raises:
        AppFailure: 400, a field is missing or malformed; its id names the field.
    """
    if not is_username(user.username):
        raise _malformed("username", user)
    if not is_email(user.email):
        raise _malformed("email", user)
    for name, longest in LONGEST.items():
        check_length(getattr(user, name), longest, _malformed(name, user))
    for name in LONGEST_JSON:
        check_map(name, getattr(user, name), user)
    check_length(user.auth_data or "", AUTH_DATA_MAX, _malformed("auth_data", user))
    if user.auth_data and not user.auth_service:
        raise _malformed("auth_data_type", user)


def check_map(name: str, values: Mapping[str, str], user: User) -> None:
    """Accept the `props`, `notify_props` or `timezone` of an account.

    Raises:
        AppFailure: 400, it is too large.
    """
    check_length(json.dumps(values, ensure_ascii=False), LONGEST_JSON[name], _malformed(name, user))


def _malformed(field: str, user: User) -> AppFailure:
    return invalid(
        f"model.user.is_valid.{field}.app_error",
        f"The {field} of a user is missing or malformed.",
        where="User.IsValid",
        detail=f"user_id={user.id}",
    )
