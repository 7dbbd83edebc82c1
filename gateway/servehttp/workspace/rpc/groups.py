"""Groups and their members."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import Group, GroupSearchOpts
from servehttp.workspace.rpc.call import Call


async def create_group(call: Call, request: pb.CreateGroupRequest) -> pb.CreateGroupResponse:
    group = await call.ws.groups.create(Group.from_proto(request.group))
    return pb.CreateGroupResponse(group=group.to_proto())


async def get_group(call: Call, request: pb.GetGroupRequest) -> pb.GetGroupResponse:
    return pb.GetGroupResponse(group=(await call.ws.groups.get(request.group_id)).to_proto())


async def get_group_by_name(call: Call, request: pb.GetGroupByNameRequest) -> pb.GetGroupByNameResponse:
    return pb.GetGroupByNameResponse(group=(await call.ws.groups.get_by_name(request.name)).to_proto())


async def get_group_by_remote_id(call: Call, request: pb.GetGroupByRemoteIDRequest) -> pb.GetGroupByRemoteIDResponse:
    group = await call.ws.groups.get_by_remote_id(request.remote_id, request.group_source)
    return pb.GetGroupByRemoteIDResponse(group=group.to_proto())


async def update_group(call: Call, request: pb.UpdateGroupRequest) -> pb.UpdateGroupResponse:
    group = await call.ws.groups.update(Group.from_proto(request.group))
    return pb.UpdateGroupResponse(group=group.to_proto())


async def delete_group(call: Call, request: pb.DeleteGroupRequest) -> pb.DeleteGroupResponse:
    return pb.DeleteGroupResponse(group=(await call.ws.groups.delete(request.group_id)).to_proto())


async def restore_group(call: Call, request: pb.RestoreGroupRequest) -> pb.RestoreGroupResponse:
    return pb.RestoreGroupResponse(group=(await call.ws.groups.restore(request.group_id)).to_proto())


async def get_groups(call: Call, request: pb.GetGroupsRequest) -> pb.GetGroupsResponse:
    # The restrictions of the request are about counts of members, which no answer has.
    found = await call.ws.groups.find(GroupSearchOpts.from_proto(request.opts), request.page, request.per_page)
    return pb.GetGroupsResponse(groups=[group.to_proto() for group in found])


async def get_groups_by_source(call: Call, request: pb.GetGroupsBySourceRequest) -> pb.GetGroupsBySourceResponse:
    found = await call.ws.groups.by_source(request.group_source)
    return pb.GetGroupsBySourceResponse(groups=[group.to_proto() for group in found])


async def get_groups_for_user(call: Call, request: pb.GetGroupsForUserRequest) -> pb.GetGroupsForUserResponse:
    found = await call.ws.groups.of_user(request.user_id)
    return pb.GetGroupsForUserResponse(groups=[group.to_proto() for group in found])


async def get_group_member_users(call: Call, request: pb.GetGroupMemberUsersRequest) -> pb.GetGroupMemberUsersResponse:
    found = await call.ws.group_members.active(request.group_id, request.page, request.per_page)
    return pb.GetGroupMemberUsersResponse(users=[user.to_proto() for user in found])


async def upsert_group_member(call: Call, request: pb.UpsertGroupMemberRequest) -> pb.UpsertGroupMemberResponse:
    member = await call.ws.group_members.add(request.group_id, request.user_id)
    return pb.UpsertGroupMemberResponse(group_member=member.to_proto())


async def upsert_group_members(call: Call, request: pb.UpsertGroupMembersRequest) -> pb.UpsertGroupMembersResponse:
    members = await call.ws.group_members.add_all(request.group_id, request.user_ids)
    return pb.UpsertGroupMembersResponse(group_members=[member.to_proto() for member in members])


async def delete_group_member(call: Call, request: pb.DeleteGroupMemberRequest) -> pb.DeleteGroupMemberResponse:
    member = await call.ws.group_members.remove(request.group_id, request.user_id)
    return pb.DeleteGroupMemberResponse(group_member=member.to_proto())
