"""How a member is notified of what happens in a channel."""

from __future__ import annotations

from collections.abc import Mapping

from servehttp.workspace.errors import invalid

DEFAULT_NOTIFY_PROPS: Mapping[str, str] = {
    "desktop": "default",
    "mark_unread": "all",
    "push": "default",
    "email": "default",
    "ignore_channel_mentions": "default",
    "channel_auto_follow_threads": "off",
}

LEVELS = ("default", "all", "mention", "none")
CHOICES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "desktop": ("notify_level", LEVELS),
    "desktop_threads": ("notify_level", LEVELS),
    "push": ("push_level", LEVELS),
    "push_threads": ("push_level", LEVELS),
    "mark_unread": ("unread_level", ("all", "mention")),
    "email": ("email_value", ("default", "true", "false")),
    "ignore_channel_mentions": ("ignore_channel_mentions_value", ("default", "on", "off")),
    "channel_auto_follow_threads": ("channel_auto_follow_threads_value", ("on", "off")),
}
"""By property: how the error id of a wrong value names it, and the values it may have."""
FREE = ("desktop_sound", "desktop_notification_sound")
FREE_MAX = 64
"""Characters of a value that may be anything."""


def known_props(props: Mapping[str, str]) -> dict[str, str]:
    """Those of the properties that there are.

    Raises:
        AppFailure: 400, one has a value it cannot have.
    """
    known = {name: value for name, value in props.items() if name in CHOICES or name in FREE}
    if any(len(value) > FREE_MAX for value in known.values()):
        raise invalid(
            "model.channel_member.is_valid.notify_props.app_error",
            f"A property of how a member is notified has at most {FREE_MAX} characters.",
            where="ChannelMember.IsValid",
        )
    for name, value in known.items():
        field, values = CHOICES.get(name, ("", (value,)))
        if value not in values:
            raise invalid(
                f"model.channel_member.is_valid.{field}.app_error",
                f"{name} is one of {', '.join(values)}.",
                where="ChannelMember.IsValid",
            )
    return known
