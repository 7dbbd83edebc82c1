"""Slash commands."""

from __future__ import annotations

from dataclasses import replace

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import Command, CommandArgs
from servehttp.workspace.rpc.call import Call


async def register_command(call: Call, request: pb.RegisterCommandRequest) -> pb.RegisterCommandResponse:
    call.ws.commands.register(call.plugin_id, Command.from_proto(request.command))
    return pb.RegisterCommandResponse()


async def unregister_command(call: Call, request: pb.UnregisterCommandRequest) -> pb.UnregisterCommandResponse:
    call.ws.commands.unregister(call.plugin_id, request.team_id, request.trigger)
    return pb.UnregisterCommandResponse()


async def execute_slash_command(call: Call, request: pb.ExecuteSlashCommandRequest) -> pb.ExecuteSlashCommandResponse:
    response = await call.ws.slash_commands.execute(CommandArgs.from_proto(request.command_args))
    return pb.ExecuteSlashCommandResponse(response=response.to_proto())


async def create_command(call: Call, request: pb.CreateCommandRequest) -> pb.CreateCommandResponse:
    command = replace(Command.from_proto(request.cmd), creator_id="", plugin_id=call.plugin_id)
    return pb.CreateCommandResponse(command=(await call.ws.commands.create(command)).to_proto())


async def get_command(call: Call, request: pb.GetCommandRequest) -> pb.GetCommandResponse:
    return pb.GetCommandResponse(command=(await call.ws.commands.get(request.command_id)).to_proto())


async def update_command(call: Call, request: pb.UpdateCommandRequest) -> pb.UpdateCommandResponse:
    command = await call.ws.commands.update(request.command_id, Command.from_proto(request.updated_cmd))
    return pb.UpdateCommandResponse(command=command.to_proto())


async def delete_command(call: Call, request: pb.DeleteCommandRequest) -> pb.DeleteCommandResponse:
    await call.ws.commands.delete(request.command_id)
    return pb.DeleteCommandResponse()


async def list_commands(call: Call, request: pb.ListCommandsRequest) -> pb.ListCommandsResponse:
    found = await call.ws.commands.usable(request.team_id)
    return pb.ListCommandsResponse(commands=[command.to_proto() for command in found])


async def list_custom_commands(call: Call, request: pb.ListCustomCommandsRequest) -> pb.ListCustomCommandsResponse:
    found = await call.ws.commands.stored(request.team_id)
    return pb.ListCustomCommandsResponse(commands=[command.to_proto() for command in found])


async def list_plugin_commands(call: Call, request: pb.ListPluginCommandsRequest) -> pb.ListPluginCommandsResponse:
    found = call.ws.commands.of_plugins(request.team_id)
    return pb.ListPluginCommandsResponse(commands=[command.to_proto() for command in found])


async def list_built_in_commands(call: Call, request: pb.ListBuiltInCommandsRequest) -> pb.ListBuiltInCommandsResponse:
    return pb.ListBuiltInCommandsResponse(commands=[command.to_proto() for command in call.ws.commands.built_in()])
