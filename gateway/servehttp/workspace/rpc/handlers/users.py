"""Users: accounts, statuses and profile images."""

from __future__ import annotations

from dataclasses import replace

from mattermost_plugin.grpc import api_user_team_pb2 as pb
from mattermost_plugin.models import CustomStatus, User, UserAuth, UserStatus, ViewUsersRestrictions
from servehttp.workspace.domains.people.user_filters import UserFilter
from servehttp.workspace.rpc.call import ApiCall


async def create_user(call: ApiCall, request: pb.CreateUserRequest) -> User:
    return await call.workspace.users.create(User.from_proto(request.user))


async def delete_user(call: ApiCall, request: pb.DeleteUserRequest) -> None:
    await call.workspace.users.set_active(request.user_id, False)


async def get_user(call: ApiCall, request: pb.GetUserRequest) -> User:
    return await call.workspace.users.get(request.user_id)


async def get_user_by_email(call: ApiCall, request: pb.GetUserByEmailRequest) -> User:
    return await call.workspace.users.get_by_email(request.email)


async def get_user_by_username(call: ApiCall, request: pb.GetUserByUsernameRequest) -> User:
    return await call.workspace.users.get_by_username(request.name)


async def get_users_by_ids(call: ApiCall, request: pb.GetUsersByIdsRequest) -> list[User]:
    return await call.workspace.users.by_ids(list(request.user_ids))


async def get_users_by_usernames(call: ApiCall, request: pb.GetUsersByUsernamesRequest) -> list[User]:
    return await call.workspace.users.by_usernames(list(request.usernames))


async def get_users(call: ApiCall, request: pb.GetUsersRequest) -> list[User]:
    restricted = request.HasField("view_restrictions")
    wanted = replace(
        _filter(request),
        in_team_id=request.in_team_id,
        inactive=request.inactive,
        active=request.active,
        updated_after=request.updated_after,
        view_restrictions=ViewUsersRestrictions.from_proto(request.view_restrictions) if restricted else None,
    )
    return await call.workspace.users.find(wanted, request.sort, request.page, request.per_page)


async def get_users_in_team(call: ApiCall, request: pb.GetUsersInTeamRequest) -> list[User]:
    wanted = UserFilter(in_team_id=request.team_id)
    return await call.workspace.users.find(wanted, "", request.page, request.per_page)


async def get_users_in_channel(call: ApiCall, request: pb.GetUsersInChannelRequest) -> list[User]:
    return await call.workspace.users.in_channel(request.channel_id, request.sort_by, request.page, request.per_page)


async def search_users(call: ApiCall, request: pb.SearchUsersRequest) -> list[User]:
    wanted = replace(_filter(request), in_team_id=request.team_id, active=not request.allow_inactive)
    return await call.workspace.users.search(request.term, wanted, request.limit)


async def update_user(call: ApiCall, request: pb.UpdateUserRequest) -> User:
    return await call.workspace.users.update(User.from_proto(request.user))


async def update_user_active(call: ApiCall, request: pb.UpdateUserActiveRequest) -> None:
    await call.workspace.users.set_active(request.user_id, request.active)


async def update_user_auth(call: ApiCall, request: pb.UpdateUserAuthRequest) -> UserAuth:
    return await call.workspace.users.set_auth(request.user_id, UserAuth.from_proto(request.user_auth))


async def update_user_roles(call: ApiCall, request: pb.UpdateUserRolesRequest) -> User:
    return await call.workspace.users.set_roles(request.user_id, request.new_roles)


async def get_user_status(call: ApiCall, request: pb.GetUserStatusRequest) -> UserStatus:
    return await call.workspace.statuses.get(request.user_id)


async def get_user_statuses_by_ids(call: ApiCall, request: pb.GetUserStatusesByIdsRequest) -> list[UserStatus]:
    return await call.workspace.statuses.by_ids(list(request.user_ids))


async def update_user_status(call: ApiCall, request: pb.UpdateUserStatusRequest) -> UserStatus:
    return await call.workspace.statuses.set(request.user_id, request.status)


async def set_user_status_timed_dnd(call: ApiCall, request: pb.SetUserStatusTimedDNDRequest) -> UserStatus:
    return await call.workspace.statuses.set_timed_dnd(request.user_id, request.end_time)


async def update_user_custom_status(call: ApiCall, request: pb.UpdateUserCustomStatusRequest) -> None:
    await call.workspace.statuses.set_custom(request.user_id, CustomStatus.from_proto(request.custom_status))


async def remove_user_custom_status(call: ApiCall, request: pb.RemoveUserCustomStatusRequest) -> None:
    await call.workspace.statuses.remove_custom(request.user_id)


async def get_profile_image(call: ApiCall, request: pb.GetProfileImageRequest) -> bytes:
    return await call.workspace.profile_images.get(request.user_id)


async def set_profile_image(call: ApiCall, request: pb.SetProfileImageRequest) -> None:
    await call.workspace.profile_images.set(request.user_id, request.data)


async def publish_user_typing(call: ApiCall, request: pb.PublishUserTypingRequest) -> None:
    call.workspace.statuses.publish_typing(request.user_id, request.channel_id, request.parent_id)


def _filter(request: pb.GetUsersRequest | pb.SearchUsersRequest) -> UserFilter:
    """What both requests ask for under the same names."""
    return UserFilter(
        not_in_team_id=request.not_in_team_id,
        in_channel_id=request.in_channel_id,
        not_in_channel_id=request.not_in_channel_id,
        in_group_id=request.in_group_id,
        not_in_group_id=request.not_in_group_id,
        group_constrained=request.group_constrained,
        without_team=request.without_team,
        role=request.role,
        roles=list(request.roles),
        channel_roles=list(request.channel_roles),
        team_roles=list(request.team_roles),
    )
