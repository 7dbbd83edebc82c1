"""Members of channels: who they are, what they may do, and of what they are notified."""

from __future__ import annotations

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from servehttp.workspace.rpc.call import Call


async def add_channel_member(call: Call, request: pb.AddChannelMemberRequest) -> pb.AddChannelMemberResponse:
    member = await call.ws.channel_members.add(request.channel_id, request.user_id)
    return pb.AddChannelMemberResponse(channel_member=member.to_proto())


async def add_user_to_channel(call: Call, request: pb.AddUserToChannelRequest) -> pb.AddUserToChannelResponse:
    member = await call.ws.channel_members.add(request.channel_id, request.user_id, request.as_user_id)
    return pb.AddUserToChannelResponse(channel_member=member.to_proto())


async def delete_channel_member(call: Call, request: pb.DeleteChannelMemberRequest) -> pb.DeleteChannelMemberResponse:
    await call.ws.channel_members.remove(request.channel_id, request.user_id)
    return pb.DeleteChannelMemberResponse()


async def get_channel_member(call: Call, request: pb.GetChannelMemberRequest) -> pb.GetChannelMemberResponse:
    member = await call.ws.channel_members.get(request.channel_id, request.user_id)
    return pb.GetChannelMemberResponse(channel_member=member.to_proto())


async def get_channel_members(call: Call, request: pb.GetChannelMembersRequest) -> pb.GetChannelMembersResponse:
    found = await call.ws.channel_members.of_channel(request.channel_id, request.page, request.per_page)
    return pb.GetChannelMembersResponse(channel_members=[member.to_proto() for member in found])


async def get_channel_members_by_ids(
    call: Call, request: pb.GetChannelMembersByIdsRequest
) -> pb.GetChannelMembersByIdsResponse:
    found = await call.ws.channel_members.by_ids(request.channel_id, request.user_ids)
    return pb.GetChannelMembersByIdsResponse(channel_members=[member.to_proto() for member in found])


async def get_channel_members_for_user(
    call: Call, request: pb.GetChannelMembersForUserRequest
) -> pb.GetChannelMembersForUserResponse:
    # As in Mattermost, the team of the request makes no difference.
    found = await call.ws.channel_members.of_user(request.user_id, request.page, request.per_page)
    return pb.GetChannelMembersForUserResponse(channel_members=[member.to_proto() for member in found])


async def update_channel_member_roles(
    call: Call, request: pb.UpdateChannelMemberRolesRequest
) -> pb.UpdateChannelMemberRolesResponse:
    member = await call.ws.channel_members.set_roles(request.channel_id, request.user_id, request.new_roles)
    return pb.UpdateChannelMemberRolesResponse(channel_member=member.to_proto())


async def update_channel_member_notifications(
    call: Call, request: pb.UpdateChannelMemberNotificationsRequest
) -> pb.UpdateChannelMemberNotificationsResponse:
    props = dict(request.notifications)
    member = await call.ws.channel_members.set_notify_props(request.channel_id, request.user_id, props)
    return pb.UpdateChannelMemberNotificationsResponse(channel_member=member.to_proto())


async def patch_channel_members_notifications(
    call: Call, request: pb.PatchChannelMembersNotificationsRequest
) -> pb.PatchChannelMembersNotificationsResponse:
    members = [(member.channel_id, member.user_id) for member in request.members]
    await call.ws.channel_members.patch_notify_props(members, dict(request.notify_props))
    return pb.PatchChannelMembersNotificationsResponse()
