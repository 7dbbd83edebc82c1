"""Reactions and custom emoji."""

from __future__ import annotations

from typing import TypedDict

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import Emoji, Reaction
from servehttp.workspace.rpc.call import ApiCall


async def add_reaction(call: ApiCall, request: pb.AddReactionRequest) -> Reaction:
    return await call.workspace.reactions.add(Reaction.from_proto(request.reaction))


async def remove_reaction(call: ApiCall, request: pb.RemoveReactionRequest) -> None:
    await call.workspace.reactions.remove(Reaction.from_proto(request.reaction))


async def get_reactions(call: ApiCall, request: pb.GetReactionsRequest) -> list[Reaction]:
    return await call.workspace.reactions.of_post(request.post_id)


async def get_emoji_list(call: ApiCall, request: pb.GetEmojiListRequest) -> list[Emoji]:
    return await call.workspace.emoji.page(request.sort_by, request.page, request.per_page)


async def get_emoji(call: ApiCall, request: pb.GetEmojiRequest) -> Emoji:
    return await call.workspace.emoji.get(request.emoji_id)


async def get_emoji_by_name(call: ApiCall, request: pb.GetEmojiByNameRequest) -> Emoji:
    return await call.workspace.emoji.by_name(request.name)


class EmojiImageResult(TypedDict):
    """An emoji's file."""

    image: bytes
    content_type: str


async def get_emoji_image(call: ApiCall, request: pb.GetEmojiImageRequest) -> EmojiImageResult:
    image = await call.workspace.emoji.image(request.emoji_id)
    return {"image": image.data, "content_type": image.mime_type}
