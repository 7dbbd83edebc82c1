"""Teams, their members and icons."""

from __future__ import annotations

from mattermost_plugin.grpc import api_user_team_pb2 as pb
from mattermost_plugin.models import Team
from servehttp.workspace.rpc.call import Call


async def create_team(call: Call, request: pb.CreateTeamRequest) -> pb.CreateTeamResponse:
    return pb.CreateTeamResponse(team=(await call.ws.teams.create(Team.from_proto(request.team))).to_proto())


async def delete_team(call: Call, request: pb.DeleteTeamRequest) -> pb.DeleteTeamResponse:
    await call.ws.teams.delete(request.team_id)
    return pb.DeleteTeamResponse()


async def get_team(call: Call, request: pb.GetTeamRequest) -> pb.GetTeamResponse:
    return pb.GetTeamResponse(team=(await call.ws.teams.get(request.team_id)).to_proto())


async def get_team_by_name(call: Call, request: pb.GetTeamByNameRequest) -> pb.GetTeamByNameResponse:
    return pb.GetTeamByNameResponse(team=(await call.ws.teams.get_by_name(request.name)).to_proto())


async def get_teams(call: Call, request: pb.GetTeamsRequest) -> pb.GetTeamsResponse:
    return pb.GetTeamsResponse(teams=[team.to_proto() for team in await call.ws.teams.all()])


async def get_teams_for_user(call: Call, request: pb.GetTeamsForUserRequest) -> pb.GetTeamsForUserResponse:
    found = await call.ws.teams.of_user(request.user_id)
    return pb.GetTeamsForUserResponse(teams=[team.to_proto() for team in found])


async def update_team(call: Call, request: pb.UpdateTeamRequest) -> pb.UpdateTeamResponse:
    return pb.UpdateTeamResponse(team=(await call.ws.teams.update(Team.from_proto(request.team))).to_proto())


async def search_teams(call: Call, request: pb.SearchTeamsRequest) -> pb.SearchTeamsResponse:
    return pb.SearchTeamsResponse(teams=[team.to_proto() for team in await call.ws.teams.search(request.term)])


async def get_teams_unread_for_user(
    call: Call, request: pb.GetTeamsUnreadForUserRequest
) -> pb.GetTeamsUnreadForUserResponse:
    found = await call.ws.unreads.of_teams(request.user_id)
    return pb.GetTeamsUnreadForUserResponse(team_unreads=[unread.to_proto() for unread in found])


async def create_team_member(call: Call, request: pb.CreateTeamMemberRequest) -> pb.CreateTeamMemberResponse:
    member = await call.ws.team_members.add(request.team_id, request.user_id)
    return pb.CreateTeamMemberResponse(team_member=member.to_proto())


async def create_team_members(call: Call, request: pb.CreateTeamMembersRequest) -> pb.CreateTeamMembersResponse:
    added = await call.ws.team_members.add_all(request.team_id, request.user_ids, request.requestor_id)
    return pb.CreateTeamMembersResponse(team_members=[member.to_proto() for member in added])


async def create_team_members_gracefully(
    call: Call, request: pb.CreateTeamMembersGracefullyRequest
) -> pb.CreateTeamMembersGracefullyResponse:
    results = await call.ws.team_members.add_gracefully(request.team_id, request.user_ids, request.requestor_id)
    return pb.CreateTeamMembersGracefullyResponse(team_members=[result.to_proto() for result in results])


async def delete_team_member(call: Call, request: pb.DeleteTeamMemberRequest) -> pb.DeleteTeamMemberResponse:
    await call.ws.team_members.remove(request.team_id, request.user_id, request.requestor_id)
    return pb.DeleteTeamMemberResponse()


async def get_team_member(call: Call, request: pb.GetTeamMemberRequest) -> pb.GetTeamMemberResponse:
    member = await call.ws.team_members.get(request.team_id, request.user_id)
    return pb.GetTeamMemberResponse(team_member=member.to_proto())


async def get_team_members(call: Call, request: pb.GetTeamMembersRequest) -> pb.GetTeamMembersResponse:
    found = await call.ws.team_members.of_team(request.team_id, request.page, request.per_page)
    return pb.GetTeamMembersResponse(team_members=[member.to_proto() for member in found])


async def get_team_members_for_user(
    call: Call, request: pb.GetTeamMembersForUserRequest
) -> pb.GetTeamMembersForUserResponse:
    found = await call.ws.team_members.of_user(request.user_id, request.page, request.per_page)
    return pb.GetTeamMembersForUserResponse(team_members=[member.to_proto() for member in found])


async def update_team_member_roles(
    call: Call, request: pb.UpdateTeamMemberRolesRequest
) -> pb.UpdateTeamMemberRolesResponse:
    member = await call.ws.team_members.set_roles(request.team_id, request.user_id, request.new_roles)
    return pb.UpdateTeamMemberRolesResponse(team_member=member.to_proto())


async def get_team_icon(call: Call, request: pb.GetTeamIconRequest) -> pb.GetTeamIconResponse:
    return pb.GetTeamIconResponse(icon=await call.ws.team_icons.get(request.team_id))


async def set_team_icon(call: Call, request: pb.SetTeamIconRequest) -> pb.SetTeamIconResponse:
    await call.ws.team_icons.set(request.team_id, request.data)
    return pb.SetTeamIconResponse()


async def remove_team_icon(call: Call, request: pb.RemoveTeamIconRequest) -> pb.RemoveTeamIconResponse:
    await call.ws.team_icons.remove(request.team_id)
    return pb.RemoveTeamIconResponse()


async def get_team_stats(call: Call, request: pb.GetTeamStatsRequest) -> pb.GetTeamStatsResponse:
    return pb.GetTeamStatsResponse(team_stats=(await call.ws.teams.stats(request.team_id)).to_proto())
