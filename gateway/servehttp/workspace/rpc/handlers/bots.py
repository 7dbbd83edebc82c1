"""Bots. Those that a plugin makes are its own unless it names another owner."""

from __future__ import annotations

from dataclasses import replace

from mattermost_plugin.grpc import api_file_bot_pb2 as pb
from mattermost_plugin.models import Bot, BotGetOptions, BotPatch
from servehttp.workspace.rpc.call import ApiCall


async def create_bot(call: ApiCall, request: pb.CreateBotRequest) -> Bot:
    bot = Bot.from_proto(request.bot)
    return await call.workspace.bots.create(replace(bot, owner_id=bot.owner_id or call.plugin_id))


async def patch_bot(call: ApiCall, request: pb.PatchBotRequest) -> Bot:
    return await call.workspace.bots.patch(request.bot_user_id, BotPatch.from_proto(request.bot_patch))


async def get_bot(call: ApiCall, request: pb.GetBotRequest) -> Bot:
    return await call.workspace.bots.get(request.bot_user_id, include_deleted=request.include_deleted)


async def get_bots(call: ApiCall, request: pb.GetBotsRequest) -> list[Bot]:
    return await call.workspace.bots.find(BotGetOptions.from_proto(request.options))


async def update_bot_active(call: ApiCall, request: pb.UpdateBotActiveRequest) -> Bot:
    return await call.workspace.bots.set_active(request.bot_user_id, request.active)


async def permanent_delete_bot(call: ApiCall, request: pb.PermanentDeleteBotRequest) -> None:
    await call.workspace.bots.erase(request.bot_user_id)


async def ensure_bot_user(call: ApiCall, request: pb.EnsureBotUserRequest) -> str:
    return await call.workspace.bots.ensure(call.plugin_id, Bot.from_proto(request.bot))
