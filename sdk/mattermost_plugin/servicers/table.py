"""Every hook but ServeHTTP, by name."""

from __future__ import annotations

from mattermost_plugin.servicers import (
    channels,
    commands,
    events,
    files,
    lifecycle,
    messages,
    notifications,
    shared_channels,
    system,
    users,
)

SUBJECTS = (lifecycle, system, messages, files, notifications, users, channels, commands, events, shared_channels)

UNARY_HOOKS = {hook.name.value: hook for subject in SUBJECTS for hook in subject.HOOKS}
