"""Channels."""

from __future__ import annotations

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import Channel, ChannelStats
from servehttp.workspace.rpc.call import ApiCall


async def create_channel(call: ApiCall, request: pb.CreateChannelRequest) -> Channel:
    return await call.workspace.channels.create(Channel.from_proto(request.channel))


async def delete_channel(call: ApiCall, request: pb.DeleteChannelRequest) -> None:
    await call.workspace.channels.delete(request.channel_id)


async def get_channel(call: ApiCall, request: pb.GetChannelRequest) -> Channel:
    return await call.workspace.channels.get(request.channel_id)


async def get_channel_by_name(call: ApiCall, request: pb.GetChannelByNameRequest) -> Channel:
    deleted = request.include_deleted
    return await call.workspace.channels.get_by_name(request.team_id, request.name, include_deleted=deleted)


async def get_channel_by_name_for_team_name(call: ApiCall, request: pb.GetChannelByNameForTeamNameRequest) -> Channel:
    deleted = request.include_deleted
    return await call.workspace.channels.get_by_team_name(
        request.team_name, request.channel_name, include_deleted=deleted
    )


async def get_public_channels_for_team(call: ApiCall, request: pb.GetPublicChannelsForTeamRequest) -> list[Channel]:
    return await call.workspace.channels.public(request.team_id, request.page, request.per_page)


async def get_channels_for_team_for_user(call: ApiCall, request: pb.GetChannelsForTeamForUserRequest) -> list[Channel]:
    deleted = request.include_deleted
    return await call.workspace.channels.of_user(request.team_id, request.user_id, include_deleted=deleted)


async def update_channel(call: ApiCall, request: pb.UpdateChannelRequest) -> Channel:
    return await call.workspace.channels.update(Channel.from_proto(request.channel))


async def search_channels(call: ApiCall, request: pb.SearchChannelsRequest) -> list[Channel]:
    return await call.workspace.channels.search(request.team_id, request.term)


async def get_direct_channel(call: ApiCall, request: pb.GetDirectChannelRequest) -> Channel:
    return await call.workspace.direct_channels.direct(request.user_id_1, request.user_id_2)


async def get_group_channel(call: ApiCall, request: pb.GetGroupChannelRequest) -> Channel:
    return await call.workspace.direct_channels.group(request.user_ids)


async def get_channel_stats(call: ApiCall, request: pb.GetChannelStatsRequest) -> ChannelStats:
    return await call.workspace.unreads.stats(request.channel_id)
