"""Slash commands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mattermost_plugin.models import Command, CommandArgs
from servehttp.workspace.rest.access import LOGGED_IN, team
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import to_json, values_of
from servehttp.workspace.rest.routes import RestRoute

MANAGED = LOGGED_IN.besides(
    "`manage_own_slash_commands` in its team, `manage_others_slash_commands` for those of others"
)
EXECUTED = ("channel_id", "team_id", "root_id", "command")


async def execute(call: RestCall) -> Any:
    """Run a command in a channel; its answer is posted as well."""
    args = CommandArgs(**values_of(CommandArgs, await call.object(), EXECUTED), user_id=call.user_id)
    await call.require_in_channel(args.channel_id, "use_slash_commands")
    channel = await call.workspace.channels.get(args.channel_id)
    if not channel.team_id and args.team_id:
        await call.require_in_team(args.team_id, "view_team")
    return await call.workspace.slash_commands.execute(replace(args, team_id=channel.team_id or args.team_id))


async def get_commands(call: RestCall) -> Any:
    """The commands of a team: all that can be typed, or those that are stored."""
    team_id = call.query("team_id")
    await call.require_in_team(team_id, "view_team")
    if not call.flag("custom_only"):
        return await call.workspace.commands.usable(team_id)
    await call.require_in_team(team_id, "manage_own_slash_commands")
    return await call.workspace.commands.stored(team_id)


async def autocomplete(call: RestCall) -> Any:
    """The commands of a team that are offered while one is typed."""
    team_id = call.path("team_id")
    return [command for command in await call.workspace.commands.usable(team_id) if command.auto_complete]


async def create_command(call: RestCall) -> Any:
    """Store a command that calls an address; only this answer and `get_command` have its token."""
    command = await call.model(Command)
    await call.require_in_team(command.team_id, "manage_own_slash_commands")
    made = await call.workspace.commands.create(replace(command, creator_id=call.user_id, plugin_id=""))
    return _with_token(made)


async def get_command(call: RestCall) -> Any:
    """One stored command, with its token for those who manage it."""
    return _with_token(await _managed(call))


async def update_command(call: RestCall) -> Any:
    """Replace a stored command."""
    old, new = await _managed(call), await call.model(Command)
    kept = replace(new, creator_id=old.creator_id, team_id=old.team_id)
    return _with_token(await call.workspace.commands.update(old.id, kept))


async def delete_command(call: RestCall) -> Any:
    """Delete a stored command."""
    await call.workspace.commands.delete((await _managed(call)).id)
    return OK


async def _managed(call: RestCall) -> Command:
    command = await call.workspace.commands.get(call.path("command_id"))
    own = command.creator_id == call.user_id
    permission = "manage_own_slash_commands" if own else "manage_others_slash_commands"
    await call.require_in_team(command.team_id, permission)
    return command


def _with_token(command: Command) -> dict[str, Any]:
    return {**to_json(command), "token": command.token, "url": command.url}


_CREATE_COMMAND_BY = LOGGED_IN.besides("`manage_own_slash_commands` in the team of the body")
_GET_COMMANDS_BY = LOGGED_IN.besides(
    "`view_team` in the team of the query; `manage_own_slash_commands` for the stored ones"
)
_EXECUTE_BY = LOGGED_IN.besides("`use_slash_commands` in the channel of the body")

ROUTES = [
    RestRoute("POST", "/commands", create_command, _CREATE_COMMAND_BY, status=201),
    RestRoute("GET", "/commands", get_commands, _GET_COMMANDS_BY),
    RestRoute("POST", "/commands/execute", execute, _EXECUTE_BY),
    RestRoute("GET", "/commands/{command_id}", get_command, MANAGED),
    RestRoute("PUT", "/commands/{command_id}", update_command, MANAGED),
    RestRoute("DELETE", "/commands/{command_id}", delete_command, MANAGED),
    RestRoute("GET", "/teams/{team_id}/commands/autocomplete", autocomplete, team("view_team")),
]
