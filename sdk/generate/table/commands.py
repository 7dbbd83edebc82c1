"""Slash commands: those of the plugin, and stored ones that call a URL."""

from __future__ import annotations

from mattermost_plugin.models import Command, CommandArgs, CommandResponse
from notation import repeatable, wire


def register_command(command: Command) -> None:
    """Offer a command that the plugin's ExecuteCommand hook handles, until the plugin stops.

    Args:
        command: `trigger` is needed; an empty `team_id` offers it in all teams.

    Raises:
        ValidationError: the trigger is empty, malformed or the server's own.
    """


def unregister_command(team_id: str, trigger: str) -> None:
    """Take a command back that `register_command` offered; one that is not there is no error.

    Args:
        team_id: as it was registered.
        trigger: the word after the slash, without it.
    """


def execute_slash_command(args: CommandArgs) -> CommandResponse:
    """Run a command as if a user had typed it, and return its response.

    Args:
        args: who runs what where; `user_id`, `channel_id` and `command` (with the slash) are needed.

    Raises:
        NotFoundError: there is no such command, user or channel.
    """
    wire(command_args=args)


def create_command(command: Command) -> Command:
    """Store a command that calls a URL, and return it with its id and token. It outlives the plugin.

    Args:
        command: `team_id`, `trigger`, `method` and `url` are needed.

    Raises:
        ValidationError: a field is missing or malformed, or the trigger is taken.
    """
    wire(cmd=command)


@repeatable
def get_command(command_id: str) -> Command:
    """One stored command by id.

    Raises:
        NotFoundError: there is no such command.
    """


def update_command(command_id: str, command: Command) -> Command:
    """Replace a stored command, but not its id, token, times and plugin id; returns it as stored.

    Raises:
        NotFoundError: there is no such command.
        ValidationError: a field is malformed, or the trigger is taken.
    """
    wire(updated_cmd=command)


def delete_command(command_id: str) -> None:
    """Delete a stored command.

    Raises:
        NotFoundError: there is no such command.
    """


@repeatable
def list_commands(team_id: str) -> list[Command]:
    """All commands usable in a team: stored ones, those of plugins, and the server's own."""


@repeatable
def list_custom_commands(team_id: str) -> list[Command]:
    """The stored commands of a team."""


@repeatable
def list_plugin_commands(team_id: str) -> list[Command]:
    """The commands plugins registered for a team, and those for all teams."""


@repeatable
def list_built_in_commands() -> list[Command]:
    """The commands of the server itself."""
