"""Channels."""

from __future__ import annotations

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import Channel
from servehttp.workspace.rpc.call import Call


async def create_channel(call: Call, request: pb.CreateChannelRequest) -> pb.CreateChannelResponse:
    channel = await call.ws.channels.create(Channel.from_proto(request.channel))
    return pb.CreateChannelResponse(channel=channel.to_proto())


async def delete_channel(call: Call, request: pb.DeleteChannelRequest) -> pb.DeleteChannelResponse:
    await call.ws.channels.delete(request.channel_id)
    return pb.DeleteChannelResponse()


async def get_channel(call: Call, request: pb.GetChannelRequest) -> pb.GetChannelResponse:
    return pb.GetChannelResponse(channel=(await call.ws.channels.get(request.channel_id)).to_proto())


async def get_channel_by_name(call: Call, request: pb.GetChannelByNameRequest) -> pb.GetChannelByNameResponse:
    deleted = request.include_deleted
    channel = await call.ws.channels.get_by_name(request.team_id, request.name, include_deleted=deleted)
    return pb.GetChannelByNameResponse(channel=channel.to_proto())


async def get_channel_by_name_for_team_name(
    call: Call, request: pb.GetChannelByNameForTeamNameRequest
) -> pb.GetChannelByNameForTeamNameResponse:
    deleted = request.include_deleted
    channel = await call.ws.channels.get_by_team_name(request.team_name, request.channel_name, include_deleted=deleted)
    return pb.GetChannelByNameForTeamNameResponse(channel=channel.to_proto())


async def get_public_channels_for_team(
    call: Call, request: pb.GetPublicChannelsForTeamRequest
) -> pb.GetPublicChannelsForTeamResponse:
    found = await call.ws.channels.public(request.team_id, request.page, request.per_page)
    return pb.GetPublicChannelsForTeamResponse(channels=[channel.to_proto() for channel in found])


async def get_channels_for_team_for_user(
    call: Call, request: pb.GetChannelsForTeamForUserRequest
) -> pb.GetChannelsForTeamForUserResponse:
    deleted = request.include_deleted
    found = await call.ws.channels.of_user(request.team_id, request.user_id, include_deleted=deleted)
    return pb.GetChannelsForTeamForUserResponse(channels=[channel.to_proto() for channel in found])


async def update_channel(call: Call, request: pb.UpdateChannelRequest) -> pb.UpdateChannelResponse:
    channel = await call.ws.channels.update(Channel.from_proto(request.channel))
    return pb.UpdateChannelResponse(channel=channel.to_proto())


async def search_channels(call: Call, request: pb.SearchChannelsRequest) -> pb.SearchChannelsResponse:
    found = await call.ws.channels.search(request.team_id, request.term)
    return pb.SearchChannelsResponse(channels=[channel.to_proto() for channel in found])


async def get_direct_channel(call: Call, request: pb.GetDirectChannelRequest) -> pb.GetDirectChannelResponse:
    channel = await call.ws.direct_channels.direct(request.user_id_1, request.user_id_2)
    return pb.GetDirectChannelResponse(channel=channel.to_proto())


async def get_group_channel(call: Call, request: pb.GetGroupChannelRequest) -> pb.GetGroupChannelResponse:
    channel = await call.ws.direct_channels.group(request.user_ids)
    return pb.GetGroupChannelResponse(channel=channel.to_proto())


async def get_channel_stats(call: Call, request: pb.GetChannelStatsRequest) -> pb.GetChannelStatsResponse:
    return pb.GetChannelStatsResponse(channel_stats=(await call.ws.unreads.stats(request.channel_id)).to_proto())
