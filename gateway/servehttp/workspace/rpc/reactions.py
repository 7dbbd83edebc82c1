"""Reactions and custom emoji."""

from __future__ import annotations

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import Reaction
from servehttp.workspace.rpc.call import Call


async def add_reaction(call: Call, request: pb.AddReactionRequest) -> pb.AddReactionResponse:
    added = await call.ws.reactions.add(Reaction.from_proto(request.reaction))
    return pb.AddReactionResponse(reaction=added.to_proto())


async def remove_reaction(call: Call, request: pb.RemoveReactionRequest) -> pb.RemoveReactionResponse:
    await call.ws.reactions.remove(Reaction.from_proto(request.reaction))
    return pb.RemoveReactionResponse()


async def get_reactions(call: Call, request: pb.GetReactionsRequest) -> pb.GetReactionsResponse:
    found = await call.ws.reactions.of_post(request.post_id)
    return pb.GetReactionsResponse(reactions=[reaction.to_proto() for reaction in found])


async def get_emoji_list(call: Call, request: pb.GetEmojiListRequest) -> pb.GetEmojiListResponse:
    found = await call.ws.emoji.page(request.sort_by, request.page, request.per_page)
    return pb.GetEmojiListResponse(emojis=[emoji.to_proto() for emoji in found])


async def get_emoji(call: Call, request: pb.GetEmojiRequest) -> pb.GetEmojiResponse:
    return pb.GetEmojiResponse(emoji=(await call.ws.emoji.get(request.emoji_id)).to_proto())


async def get_emoji_by_name(call: Call, request: pb.GetEmojiByNameRequest) -> pb.GetEmojiByNameResponse:
    return pb.GetEmojiByNameResponse(emoji=(await call.ws.emoji.by_name(request.name)).to_proto())


async def get_emoji_image(call: Call, request: pb.GetEmojiImageRequest) -> pb.GetEmojiImageResponse:
    image = await call.ws.emoji.image(request.emoji_id)
    return pb.GetEmojiImageResponse(image=image.data, content_type=image.mime_type)
