"""Slash commands."""

from __future__ import annotations

from dataclasses import replace

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import Command, CommandArgs, CommandResponse
from servehttp.workspace.rpc.call import ApiCall


async def register_command(call: ApiCall, request: pb.RegisterCommandRequest) -> None:
    call.workspace.commands.register(call.plugin_id, Command.from_proto(request.command), everywhere=call.shared)


async def unregister_command(call: ApiCall, request: pb.UnregisterCommandRequest) -> None:
    if not call.retired:
        commands = call.workspace.commands
        commands.unregister(call.plugin_id, request.team_id, request.trigger, everywhere=call.shared)


async def execute_slash_command(call: ApiCall, request: pb.ExecuteSlashCommandRequest) -> CommandResponse:
    return await call.workspace.slash_commands.execute(CommandArgs.from_proto(request.command_args))


async def create_command(call: ApiCall, request: pb.CreateCommandRequest) -> Command:
    command = replace(Command.from_proto(request.cmd), creator_id="", plugin_id=call.plugin_id)
    return await call.workspace.commands.create(command)


async def get_command(call: ApiCall, request: pb.GetCommandRequest) -> Command:
    return await call.workspace.commands.get(request.command_id)


async def update_command(call: ApiCall, request: pb.UpdateCommandRequest) -> Command:
    return await call.workspace.commands.update(request.command_id, Command.from_proto(request.updated_cmd))


async def delete_command(call: ApiCall, request: pb.DeleteCommandRequest) -> None:
    await call.workspace.commands.delete(request.command_id)


async def list_commands(call: ApiCall, request: pb.ListCommandsRequest) -> list[Command]:
    return await call.workspace.commands.usable(request.team_id)


async def list_custom_commands(call: ApiCall, request: pb.ListCustomCommandsRequest) -> list[Command]:
    return await call.workspace.commands.stored(request.team_id)


async def list_plugin_commands(call: ApiCall, request: pb.ListPluginCommandsRequest) -> list[Command]:
    return call.workspace.commands.of_plugins(request.team_id)


async def list_built_in_commands(call: ApiCall, request: pb.ListBuiltInCommandsRequest) -> list[Command]:
    return call.workspace.commands.built_in()
