"""Every table, in one MetaData."""

from __future__ import annotations

from servehttp.workspace.store.tables import (
    bots,
    channels,
    commands,
    emoji,
    files,
    groups,
    integrations,
    kv,
    posts,
    preferences,
    properties,
    roles,
    shared_channels,
    system,
    teams,
    users,
)
from servehttp.workspace.store.tables.columns import METADATA

__all__ = [
    "METADATA",
    "bots",
    "channels",
    "commands",
    "emoji",
    "files",
    "groups",
    "integrations",
    "kv",
    "posts",
    "preferences",
    "properties",
    "roles",
    "shared_channels",
    "system",
    "teams",
    "users",
]
