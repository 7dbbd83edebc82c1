"""Links of groups to teams and channels, and what follows from them."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import GroupSyncable
from servehttp.workspace.rpc.call import ApiCall


async def get_group_syncable(call: ApiCall, request: pb.GetGroupSyncableRequest) -> GroupSyncable:
    return await call.workspace.group_syncables.get(request.group_id, request.syncable_id, request.syncable_type)


async def get_group_syncables(call: ApiCall, request: pb.GetGroupSyncablesRequest) -> list[GroupSyncable]:
    return await call.workspace.group_syncables.of_group(request.group_id, request.syncable_type)


async def upsert_group_syncable(call: ApiCall, request: pb.UpsertGroupSyncableRequest) -> GroupSyncable:
    return await call.workspace.group_syncables.upsert(GroupSyncable.from_proto(request.group_syncable))


async def update_group_syncable(call: ApiCall, request: pb.UpdateGroupSyncableRequest) -> GroupSyncable:
    return await call.workspace.group_syncables.update(GroupSyncable.from_proto(request.group_syncable))


async def delete_group_syncable(call: ApiCall, request: pb.DeleteGroupSyncableRequest) -> GroupSyncable:
    return await call.workspace.group_syncables.delete(request.group_id, request.syncable_id, request.syncable_type)


async def create_default_syncable_memberships(
    call: ApiCall, request: pb.CreateDefaultSyncableMembershipsRequest
) -> None:
    params = request.params
    everything = not params.scope_teams and not params.scope_channels
    await call.workspace.group_sync.add_members(
        since=params.since,
        to_teams=params.scope_teams or everything,
        to_channels=params.scope_channels or everything,
        re_add=params.re_add_removed_members,
    )


async def delete_group_constrained_memberships(
    call: ApiCall, request: pb.DeleteGroupConstrainedMembershipsRequest
) -> None:
    await call.workspace.group_sync.remove_members()
