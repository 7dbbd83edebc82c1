"""Teams, their members and icons."""

from __future__ import annotations

from mattermost_plugin.grpc import api_user_team_pb2 as pb
from mattermost_plugin.models import Team, TeamMember, TeamMemberWithError, TeamStats, TeamUnread
from servehttp.workspace.rpc.call import ApiCall


async def create_team(call: ApiCall, request: pb.CreateTeamRequest) -> Team:
    return await call.workspace.teams.create(Team.from_proto(request.team))


async def delete_team(call: ApiCall, request: pb.DeleteTeamRequest) -> None:
    await call.workspace.teams.delete(request.team_id)


async def get_team(call: ApiCall, request: pb.GetTeamRequest) -> Team:
    return await call.workspace.teams.get(request.team_id)


async def get_team_by_name(call: ApiCall, request: pb.GetTeamByNameRequest) -> Team:
    return await call.workspace.teams.get_by_name(request.name)


async def get_teams(call: ApiCall, request: pb.GetTeamsRequest) -> list[Team]:
    return await call.workspace.teams.all()


async def get_teams_for_user(call: ApiCall, request: pb.GetTeamsForUserRequest) -> list[Team]:
    return await call.workspace.teams.of_user(request.user_id)


async def update_team(call: ApiCall, request: pb.UpdateTeamRequest) -> Team:
    return await call.workspace.teams.update(Team.from_proto(request.team))


async def search_teams(call: ApiCall, request: pb.SearchTeamsRequest) -> list[Team]:
    return await call.workspace.teams.search(request.term)


async def get_teams_unread_for_user(call: ApiCall, request: pb.GetTeamsUnreadForUserRequest) -> list[TeamUnread]:
    return await call.workspace.unreads.of_teams(request.user_id)


async def create_team_member(call: ApiCall, request: pb.CreateTeamMemberRequest) -> TeamMember:
    return await call.workspace.team_members.add(request.team_id, request.user_id)


async def create_team_members(call: ApiCall, request: pb.CreateTeamMembersRequest) -> list[TeamMember]:
    return await call.workspace.team_members.add_all(request.team_id, request.user_ids, request.requestor_id)


async def create_team_members_gracefully(
    call: ApiCall, request: pb.CreateTeamMembersGracefullyRequest
) -> list[TeamMemberWithError]:
    return await call.workspace.team_members.add_gracefully(request.team_id, request.user_ids, request.requestor_id)


async def delete_team_member(call: ApiCall, request: pb.DeleteTeamMemberRequest) -> None:
    await call.workspace.team_members.remove(request.team_id, request.user_id, request.requestor_id)


async def get_team_member(call: ApiCall, request: pb.GetTeamMemberRequest) -> TeamMember:
    return await call.workspace.team_members.get(request.team_id, request.user_id)


async def get_team_members(call: ApiCall, request: pb.GetTeamMembersRequest) -> list[TeamMember]:
    return await call.workspace.team_members.of_team(request.team_id, request.page, request.per_page)


async def get_team_members_for_user(call: ApiCall, request: pb.GetTeamMembersForUserRequest) -> list[TeamMember]:
    return await call.workspace.team_members.of_user(request.user_id, request.page, request.per_page)


async def update_team_member_roles(call: ApiCall, request: pb.UpdateTeamMemberRolesRequest) -> TeamMember:
    return await call.workspace.team_members.set_roles(request.team_id, request.user_id, request.new_roles)


async def get_team_icon(call: ApiCall, request: pb.GetTeamIconRequest) -> bytes:
    return await call.workspace.team_icons.get(request.team_id)


async def set_team_icon(call: ApiCall, request: pb.SetTeamIconRequest) -> None:
    await call.workspace.team_icons.set(request.team_id, request.data)


async def remove_team_icon(call: ApiCall, request: pb.RemoveTeamIconRequest) -> None:
    await call.workspace.team_icons.remove(request.team_id)


async def get_team_stats(call: ApiCall, request: pb.GetTeamStatsRequest) -> TeamStats:
    return await call.workspace.teams.stats(request.team_id)
