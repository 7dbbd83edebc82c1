"""Users: accounts, statuses and profile images."""

from __future__ import annotations

from mattermost_plugin.grpc import api_user_team_pb2 as pb
from mattermost_plugin.models import CustomStatus, User, UserAuth, ViewUsersRestrictions
from servehttp.workspace.domains.people.user_filters import UserFilter
from servehttp.workspace.rpc.call import Call


async def create_user(call: Call, request: pb.CreateUserRequest) -> pb.CreateUserResponse:
    return pb.CreateUserResponse(user=(await call.ws.users.create(User.from_proto(request.user))).to_proto())


async def delete_user(call: Call, request: pb.DeleteUserRequest) -> pb.DeleteUserResponse:
    await call.ws.users.set_active(request.user_id, False)
    return pb.DeleteUserResponse()


async def get_user(call: Call, request: pb.GetUserRequest) -> pb.GetUserResponse:
    return pb.GetUserResponse(user=(await call.ws.users.get(request.user_id)).to_proto())


async def get_user_by_email(call: Call, request: pb.GetUserByEmailRequest) -> pb.GetUserByEmailResponse:
    return pb.GetUserByEmailResponse(user=(await call.ws.users.get_by_email(request.email)).to_proto())


async def get_user_by_username(call: Call, request: pb.GetUserByUsernameRequest) -> pb.GetUserByUsernameResponse:
    return pb.GetUserByUsernameResponse(user=(await call.ws.users.get_by_username(request.name)).to_proto())


async def get_users_by_ids(call: Call, request: pb.GetUsersByIdsRequest) -> pb.GetUsersByIdsResponse:
    found = await call.ws.users.by_ids(list(request.user_ids))
    return pb.GetUsersByIdsResponse(users=[user.to_proto() for user in found])


async def get_users_by_usernames(call: Call, request: pb.GetUsersByUsernamesRequest) -> pb.GetUsersByUsernamesResponse:
    found = await call.ws.users.by_usernames(list(request.usernames))
    return pb.GetUsersByUsernamesResponse(users=[user.to_proto() for user in found])


async def get_users(call: Call, request: pb.GetUsersRequest) -> pb.GetUsersResponse:
    restricted = request.HasField("view_restrictions")
    wanted = UserFilter(
        in_team_id=request.in_team_id,
        not_in_team_id=request.not_in_team_id,
        in_channel_id=request.in_channel_id,
        not_in_channel_id=request.not_in_channel_id,
        in_group_id=request.in_group_id,
        not_in_group_id=request.not_in_group_id,
        group_constrained=request.group_constrained,
        without_team=request.without_team,
        inactive=request.inactive,
        active=request.active,
        role=request.role,
        roles=list(request.roles),
        channel_roles=list(request.channel_roles),
        team_roles=list(request.team_roles),
        updated_after=request.updated_after,
        view_restrictions=ViewUsersRestrictions.from_proto(request.view_restrictions) if restricted else None,
    )
    found = await call.ws.users.find(wanted, request.sort, request.page, request.per_page)
    return pb.GetUsersResponse(users=[user.to_proto() for user in found])


async def get_users_in_team(call: Call, request: pb.GetUsersInTeamRequest) -> pb.GetUsersInTeamResponse:
    wanted = UserFilter(in_team_id=request.team_id)
    found = await call.ws.users.find(wanted, "", request.page, request.per_page)
    return pb.GetUsersInTeamResponse(users=[user.to_proto() for user in found])


async def get_users_in_channel(call: Call, request: pb.GetUsersInChannelRequest) -> pb.GetUsersInChannelResponse:
    found = await call.ws.users.in_channel(request.channel_id, request.sort_by, request.page, request.per_page)
    return pb.GetUsersInChannelResponse(users=[user.to_proto() for user in found])


async def search_users(call: Call, request: pb.SearchUsersRequest) -> pb.SearchUsersResponse:
    wanted = UserFilter(
        in_team_id=request.team_id,
        not_in_team_id=request.not_in_team_id,
        in_channel_id=request.in_channel_id,
        not_in_channel_id=request.not_in_channel_id,
        in_group_id=request.in_group_id,
        not_in_group_id=request.not_in_group_id,
        group_constrained=request.group_constrained,
        without_team=request.without_team,
        active=not request.allow_inactive,
        role=request.role,
        roles=list(request.roles),
        channel_roles=list(request.channel_roles),
        team_roles=list(request.team_roles),
    )
    found = await call.ws.users.search(request.term, wanted, request.limit)
    return pb.SearchUsersResponse(users=[user.to_proto() for user in found])


async def update_user(call: Call, request: pb.UpdateUserRequest) -> pb.UpdateUserResponse:
    return pb.UpdateUserResponse(user=(await call.ws.users.update(User.from_proto(request.user))).to_proto())


async def update_user_active(call: Call, request: pb.UpdateUserActiveRequest) -> pb.UpdateUserActiveResponse:
    await call.ws.users.set_active(request.user_id, request.active)
    return pb.UpdateUserActiveResponse()


async def update_user_auth(call: Call, request: pb.UpdateUserAuthRequest) -> pb.UpdateUserAuthResponse:
    stored = await call.ws.users.set_auth(request.user_id, UserAuth.from_proto(request.user_auth))
    return pb.UpdateUserAuthResponse(user_auth=stored.to_proto())


async def update_user_roles(call: Call, request: pb.UpdateUserRolesRequest) -> pb.UpdateUserRolesResponse:
    user = await call.ws.users.set_roles(request.user_id, request.new_roles)
    return pb.UpdateUserRolesResponse(user=user.to_proto())


async def get_user_status(call: Call, request: pb.GetUserStatusRequest) -> pb.GetUserStatusResponse:
    return pb.GetUserStatusResponse(status=(await call.ws.statuses.get(request.user_id)).to_proto())


async def get_user_statuses_by_ids(
    call: Call, request: pb.GetUserStatusesByIdsRequest
) -> pb.GetUserStatusesByIdsResponse:
    found = await call.ws.statuses.by_ids(list(request.user_ids))
    return pb.GetUserStatusesByIdsResponse(statuses=[status.to_proto() for status in found])


async def update_user_status(call: Call, request: pb.UpdateUserStatusRequest) -> pb.UpdateUserStatusResponse:
    status = await call.ws.statuses.set(request.user_id, request.status)
    return pb.UpdateUserStatusResponse(status=status.to_proto())


async def set_user_status_timed_dnd(
    call: Call, request: pb.SetUserStatusTimedDNDRequest
) -> pb.SetUserStatusTimedDNDResponse:
    status = await call.ws.statuses.set_timed_dnd(request.user_id, request.end_time)
    return pb.SetUserStatusTimedDNDResponse(status=status.to_proto())


async def update_user_custom_status(
    call: Call, request: pb.UpdateUserCustomStatusRequest
) -> pb.UpdateUserCustomStatusResponse:
    await call.ws.statuses.set_custom(request.user_id, CustomStatus.from_proto(request.custom_status))
    return pb.UpdateUserCustomStatusResponse()


async def remove_user_custom_status(
    call: Call, request: pb.RemoveUserCustomStatusRequest
) -> pb.RemoveUserCustomStatusResponse:
    await call.ws.statuses.remove_custom(request.user_id)
    return pb.RemoveUserCustomStatusResponse()


async def get_profile_image(call: Call, request: pb.GetProfileImageRequest) -> pb.GetProfileImageResponse:
    return pb.GetProfileImageResponse(image=await call.ws.profile_images.get(request.user_id))


async def set_profile_image(call: Call, request: pb.SetProfileImageRequest) -> pb.SetProfileImageResponse:
    await call.ws.profile_images.set(request.user_id, request.data)
    return pb.SetProfileImageResponse()


async def publish_user_typing(call: Call, request: pb.PublishUserTypingRequest) -> pb.PublishUserTypingResponse:
    call.ws.statuses.publish_typing(request.user_id, request.channel_id, request.parent_id)
    return pb.PublishUserTypingResponse()
