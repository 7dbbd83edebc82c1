"""What a group must be like."""

from __future__ import annotations

import re

from mattermost_plugin.models import Group
from servehttp.workspace.errors import AppFailure, invalid

NAME_MAX = 64
DISPLAY_NAME_MAX = 128
DESCRIPTION_MAX = 1024
REMOTE_ID_MAX = 48
RESERVED = ("all", "channel", "here")

_NAME = re.compile(r"[a-z0-9._-]+", re.ASCII)


def check_group(group: Group) -> None:
    """Accept a group.

    Raises:
        AppFailure: 400, `model.group.FIELD.app_error`.
    """
    _check_name(group)
    if not 0 < len(group.display_name) <= DISPLAY_NAME_MAX:
        raise _malformed("display_name")
    if len(group.description) > DESCRIPTION_MAX:
        raise _malformed("description")
    comes_from_elsewhere = group.source == "ldap" or group.source.startswith("plugin_")
    if group.source != "custom" and not comes_from_elsewhere:
        raise _malformed("source")
    if len(group.remote_id) > REMOTE_ID_MAX or (comes_from_elsewhere and not group.remote_id):
        raise _malformed("remote_id")


def _check_name(group: Group) -> None:
    if not group.name:
        if group.allow_reference:
            raise _malformed("name")
        return
    if len(group.name) > NAME_MAX:
        raise _malformed("name.invalid_length")
    if group.name in RESERVED:
        raise _malformed("name.reserved_name")
    if not _NAME.fullmatch(group.name):
        raise _malformed("name.invalid_chars")


def _malformed(field: str) -> AppFailure:
    return invalid(f"model.group.{field}.app_error", f"The group is not valid: {field}.", where="Group.IsValid")
