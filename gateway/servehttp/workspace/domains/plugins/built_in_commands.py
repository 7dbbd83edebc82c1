"""The workspace's own slash commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mattermost_plugin.models import Command, CommandResponse

IN_CHANNEL = "in_channel"
EPHEMERAL = "ephemeral"


@dataclass(frozen=True)
class BuiltIn:
    """One of them.

    Attributes:
        command: as it is listed.
        respond: the response to what is typed after the trigger.
        status: what the user's status becomes; empty if it stays.
    """

    command: Command
    respond: Callable[[str], CommandResponse]
    status: str = ""


def _me(message: str) -> CommandResponse:
    return CommandResponse(response_type=IN_CHANNEL, type="me", text=f"*{message}*", props={"message": message})


def _shrug(message: str) -> CommandResponse:
    shrug = r"¯\\\_(ツ)\_/¯"
    return CommandResponse(response_type=IN_CHANNEL, text=f"{message} {shrug}".strip())


def _echo(message: str) -> CommandResponse:
    if not message:
        return CommandResponse(response_type=EPHEMERAL, text="Type the text that is to be posted after /echo.")
    return CommandResponse(response_type=IN_CHANNEL, text=message)


def _text(trigger: str, hint: str, description: str, respond: Callable[[str], CommandResponse]) -> BuiltIn:
    return BuiltIn(_listed(trigger, hint, description), respond)


def _status(status: str, description: str, text: str) -> BuiltIn:
    response = CommandResponse(response_type=EPHEMERAL, text=text)
    return BuiltIn(_listed(status, "", description), lambda message: response, status)


def _listed(trigger: str, hint: str, description: str) -> Command:
    return Command(
        trigger=trigger,
        display_name=trigger,
        auto_complete=True,
        auto_complete_hint=hint,
        auto_complete_desc=description,
    )


BUILT_IN: Mapping[str, BuiltIn] = {
    own.command.trigger: own
    for own in (
        _status("away", "Set your status to away", "You are now away."),
        _status("dnd", "Multiplexer notifications off", "Do not disturb is on: you get no notifications."),
        _text("echo", "[message]", "Post a text as yourself", _echo),
        _text("me", "[message]", "Say what you do", _me),
        _status("offline", "Set your status to offline", "You are now offline."),
        _status("online", "Set your status to online", "You are now online."),
        _text("shrug", "[message]", r"Add ¯\_(ツ)_/¯ to your message", _shrug),
    )
}
"""By trigger. /echo posts at once; Mattermost can wait for some seconds."""
