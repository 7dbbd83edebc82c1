"""Bots. Those that a plugin makes are its own unless it names another owner."""

from __future__ import annotations

from dataclasses import replace

from mattermost_plugin.grpc import api_file_bot_pb2 as pb
from mattermost_plugin.models import Bot, BotGetOptions, BotPatch
from servehttp.workspace.rpc.call import Call


async def create_bot(call: Call, request: pb.CreateBotRequest) -> pb.CreateBotResponse:
    bot = Bot.from_proto(request.bot)
    made = await call.ws.bots.create(replace(bot, owner_id=bot.owner_id or call.plugin_id))
    return pb.CreateBotResponse(bot=made.to_proto())


async def patch_bot(call: Call, request: pb.PatchBotRequest) -> pb.PatchBotResponse:
    bot = await call.ws.bots.patch(request.bot_user_id, BotPatch.from_proto(request.bot_patch))
    return pb.PatchBotResponse(bot=bot.to_proto())


async def get_bot(call: Call, request: pb.GetBotRequest) -> pb.GetBotResponse:
    bot = await call.ws.bots.get(request.bot_user_id, include_deleted=request.include_deleted)
    return pb.GetBotResponse(bot=bot.to_proto())


async def get_bots(call: Call, request: pb.GetBotsRequest) -> pb.GetBotsResponse:
    found = await call.ws.bots.find(BotGetOptions.from_proto(request.options))
    return pb.GetBotsResponse(bots=[bot.to_proto() for bot in found])


async def update_bot_active(call: Call, request: pb.UpdateBotActiveRequest) -> pb.UpdateBotActiveResponse:
    bot = await call.ws.bots.set_active(request.bot_user_id, request.active)
    return pb.UpdateBotActiveResponse(bot=bot.to_proto())


async def permanent_delete_bot(call: Call, request: pb.PermanentDeleteBotRequest) -> pb.PermanentDeleteBotResponse:
    await call.ws.bots.erase(request.bot_user_id)
    return pb.PermanentDeleteBotResponse()


async def ensure_bot_user(call: Call, request: pb.EnsureBotUserRequest) -> pb.EnsureBotUserResponse:
    user_id = await call.ws.bots.ensure(call.plugin_id, Bot.from_proto(request.bot))
    return pb.EnsureBotUserResponse(bot_user_id=user_id)
