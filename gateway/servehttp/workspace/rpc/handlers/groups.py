"""Groups and their members."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import Group, GroupMember, GroupSearchOpts, User
from servehttp.workspace.rpc.call import ApiCall


async def create_group(call: ApiCall, request: pb.CreateGroupRequest) -> Group:
    return await call.workspace.groups.create(Group.from_proto(request.group))


async def get_group(call: ApiCall, request: pb.GetGroupRequest) -> Group:
    return await call.workspace.groups.get(request.group_id)


async def get_group_by_name(call: ApiCall, request: pb.GetGroupByNameRequest) -> Group:
    return await call.workspace.groups.get_by_name(request.name)


async def get_group_by_remote_id(call: ApiCall, request: pb.GetGroupByRemoteIDRequest) -> Group:
    return await call.workspace.groups.get_by_remote_id(request.remote_id, request.group_source)


async def update_group(call: ApiCall, request: pb.UpdateGroupRequest) -> Group:
    return await call.workspace.groups.update(Group.from_proto(request.group))


async def delete_group(call: ApiCall, request: pb.DeleteGroupRequest) -> Group:
    return await call.workspace.groups.delete(request.group_id)


async def restore_group(call: ApiCall, request: pb.RestoreGroupRequest) -> Group:
    return await call.workspace.groups.restore(request.group_id)


async def get_groups(call: ApiCall, request: pb.GetGroupsRequest) -> list[Group]:
    # The restrictions of the request are about counts of members, which no answer has.
    return await call.workspace.groups.find(GroupSearchOpts.from_proto(request.opts), request.page, request.per_page)


async def get_groups_by_source(call: ApiCall, request: pb.GetGroupsBySourceRequest) -> list[Group]:
    return await call.workspace.groups.by_source(request.group_source)


async def get_groups_for_user(call: ApiCall, request: pb.GetGroupsForUserRequest) -> list[Group]:
    return await call.workspace.groups.of_user(request.user_id)


async def get_group_member_users(call: ApiCall, request: pb.GetGroupMemberUsersRequest) -> list[User]:
    return await call.workspace.group_members.active(request.group_id, request.page, request.per_page)


async def upsert_group_member(call: ApiCall, request: pb.UpsertGroupMemberRequest) -> GroupMember:
    return await call.workspace.group_members.add(request.group_id, request.user_id)


async def upsert_group_members(call: ApiCall, request: pb.UpsertGroupMembersRequest) -> list[GroupMember]:
    return await call.workspace.group_members.add_all(request.group_id, request.user_ids)


async def delete_group_member(call: ApiCall, request: pb.DeleteGroupMemberRequest) -> GroupMember:
    return await call.workspace.group_members.remove(request.group_id, request.user_id)
