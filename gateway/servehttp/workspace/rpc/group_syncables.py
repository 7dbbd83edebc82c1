"""Links of groups to teams and channels, and what follows from them."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import GroupSyncable
from servehttp.workspace.rpc.call import Call


async def get_group_syncable(call: Call, request: pb.GetGroupSyncableRequest) -> pb.GetGroupSyncableResponse:
    link = await call.ws.group_syncables.get(request.group_id, request.syncable_id, request.syncable_type)
    return pb.GetGroupSyncableResponse(group_syncable=link.to_proto())


async def get_group_syncables(call: Call, request: pb.GetGroupSyncablesRequest) -> pb.GetGroupSyncablesResponse:
    found = await call.ws.group_syncables.of_group(request.group_id, request.syncable_type)
    return pb.GetGroupSyncablesResponse(group_syncables=[link.to_proto() for link in found])


async def upsert_group_syncable(call: Call, request: pb.UpsertGroupSyncableRequest) -> pb.UpsertGroupSyncableResponse:
    link = await call.ws.group_syncables.upsert(GroupSyncable.from_proto(request.group_syncable))
    return pb.UpsertGroupSyncableResponse(group_syncable=link.to_proto())


async def update_group_syncable(call: Call, request: pb.UpdateGroupSyncableRequest) -> pb.UpdateGroupSyncableResponse:
    link = await call.ws.group_syncables.update(GroupSyncable.from_proto(request.group_syncable))
    return pb.UpdateGroupSyncableResponse(group_syncable=link.to_proto())


async def delete_group_syncable(call: Call, request: pb.DeleteGroupSyncableRequest) -> pb.DeleteGroupSyncableResponse:
    link = await call.ws.group_syncables.delete(request.group_id, request.syncable_id, request.syncable_type)
    return pb.DeleteGroupSyncableResponse(group_syncable=link.to_proto())


async def create_default_syncable_memberships(
    call: Call, request: pb.CreateDefaultSyncableMembershipsRequest
) -> pb.CreateDefaultSyncableMembershipsResponse:
    params = request.params
    everything = not params.scope_teams and not params.scope_channels
    await call.ws.group_sync.add_members(
        since=params.since,
        to_teams=params.scope_teams or everything,
        to_channels=params.scope_channels or everything,
        re_add=params.re_add_removed_members,
    )
    return pb.CreateDefaultSyncableMembershipsResponse()


async def delete_group_constrained_memberships(
    call: Call, request: pb.DeleteGroupConstrainedMembershipsRequest
) -> pb.DeleteGroupConstrainedMembershipsResponse:
    await call.ws.group_sync.remove_members()
    return pb.DeleteGroupConstrainedMembershipsResponse()
