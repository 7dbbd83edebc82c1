"""What a channel must be like, and how those without a team are named."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace

from mattermost_plugin.models import Channel
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.ids import new_id

NAME_MAX = 64
LONGEST = {"display_name": NAME_MAX, "header": 1024, "purpose": 250}
"""Characters."""
TEAM_TYPES = ("O", "P")
PRIVATE_TALKS = ("D", "G")
"""Types of channels without a team, whose members stay the same for ever."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_OF_A_DIRECT_CHANNEL = re.compile(r"[a-z0-9]{26}__[a-z0-9]{26}", re.ASCII)
_OF_A_GROUP_CHANNEL = re.compile(r"[0-9a-f]{40}", re.ASCII)


def normalised(channel: Channel) -> Channel:
    """The channel without blanks around what people see, and with a name if it had none."""
    return replace(channel, name=channel.name or new_id(), display_name=channel.display_name.strip())


def check_channel(channel: Channel) -> None:
    """Accept a channel.

    Raises:
        AppFailure: 400, `model.channel.is_valid.FIELD.app_error`.
    """
    for field, longest in LONGEST.items():
        if len(getattr(channel, field)) > longest:
            raise _malformed(field, channel)
    if channel.type not in TEAM_TYPES + PRIVATE_TALKS:
        raise _malformed("type", channel)
    if len(channel.name) > NAME_MAX or (channel.type in TEAM_TYPES and _is_reserved(channel.name)):
        raise _malformed("name", channel)
    if not _NAME.fullmatch(channel.name):
        raise _malformed("1_or_more", channel)


def direct_name(user_id: str, other_id: str) -> str:
    """The name of the direct channel of two users, or of one with themselves."""
    return "__".join(sorted((user_id, other_id)))


def group_name(user_ids: Iterable[str]) -> str:
    """The name of the group channel of some users."""
    return hashlib.sha1("".join(sorted(user_ids)).encode(), usedforsecurity=False).hexdigest()


def _is_reserved(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in (_OF_A_DIRECT_CHANNEL, _OF_A_GROUP_CHANNEL))


def _malformed(field: str, channel: Channel) -> AppFailure:
    return invalid(
        f"model.channel.is_valid.{field}.app_error",
        f"The channel is not valid: {field}.",
        where="Channel.IsValid",
        detail=f"id={channel.id}",
    )
