"""Members of channels: who they are, what they may do, and of what they are notified."""

from __future__ import annotations

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import ChannelMember
from servehttp.workspace.rpc.call import ApiCall


async def add_channel_member(call: ApiCall, request: pb.AddChannelMemberRequest) -> ChannelMember:
    return await call.workspace.channel_members.add(request.channel_id, request.user_id)


async def add_user_to_channel(call: ApiCall, request: pb.AddUserToChannelRequest) -> ChannelMember:
    return await call.workspace.channel_members.add(request.channel_id, request.user_id, request.as_user_id)


async def delete_channel_member(call: ApiCall, request: pb.DeleteChannelMemberRequest) -> None:
    await call.workspace.channel_members.remove(request.channel_id, request.user_id)


async def get_channel_member(call: ApiCall, request: pb.GetChannelMemberRequest) -> ChannelMember:
    return await call.workspace.channel_members.get(request.channel_id, request.user_id)


async def get_channel_members(call: ApiCall, request: pb.GetChannelMembersRequest) -> list[ChannelMember]:
    return await call.workspace.channel_members.of_channel(request.channel_id, request.page, request.per_page)


async def get_channel_members_by_ids(call: ApiCall, request: pb.GetChannelMembersByIdsRequest) -> list[ChannelMember]:
    return await call.workspace.channel_members.by_ids(request.channel_id, request.user_ids)


async def get_channel_members_for_user(
    call: ApiCall, request: pb.GetChannelMembersForUserRequest
) -> list[ChannelMember]:
    # As in Mattermost, the team of the request makes no difference.
    return await call.workspace.channel_members.of_user(request.user_id, request.page, request.per_page)


async def update_channel_member_roles(call: ApiCall, request: pb.UpdateChannelMemberRolesRequest) -> ChannelMember:
    return await call.workspace.channel_members.set_roles(request.channel_id, request.user_id, request.new_roles)


async def update_channel_member_notifications(
    call: ApiCall, request: pb.UpdateChannelMemberNotificationsRequest
) -> ChannelMember:
    props = dict(request.notifications)
    return await call.workspace.channel_members.set_notify_props(request.channel_id, request.user_id, props)


async def patch_channel_members_notifications(
    call: ApiCall, request: pb.PatchChannelMembersNotificationsRequest
) -> None:
    members = [(member.channel_id, member.user_id) for member in request.members]
    await call.workspace.channel_members.patch_notify_props(members, dict(request.notify_props))
