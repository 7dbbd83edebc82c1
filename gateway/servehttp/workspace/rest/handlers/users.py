"""Accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from mattermost_plugin.models import User
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.domains.people.permissions import ADMINISTRATOR
from servehttp.workspace.domains.people.user_filters import UserFilter
from servehttp.workspace.errors import AppFailure, forbidden
from servehttp.workspace.rest.access import LOGGED_IN, PUBLIC, account, system
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.forms import file_of
from servehttp.workspace.rest.images import image_response
from servehttp.workspace.rest.json import bad_value, to_json, value_of, values_of
from servehttp.workspace.rest.routes import RestRoute

PATCHABLE = (
    "username", "nickname", "first_name", "last_name", "position", "email", "props", "notify_props", "locale",
    "timezone",
)  # fmt: skip
NEW = (*PATCHABLE, "password")
"""What who signs up says of themselves."""
GIVEN = ("roles", "email_verified", "auth_service", "auth_data")
"""What only an administrator says of a new account."""
SEEN = LOGGED_IN.besides("users whom one may see: with `view_members` all, else those in one's channels")
OWN = ("notify_props", "last_password_update", "failed_attempts", "email_verified", "allow_marketing", "mfa_active")
"""What only the user and administrators see."""
FULL_NAME = ("first_name", "last_name")
MANAGE = "sysconsole_write_user_management_users"
SEARCH_LIMIT = 100


async def shown(call: RestCall, users: Iterable[User]) -> list[dict[str, Any]]:
    """Users as who asks may see them."""
    mine = call.user_id if call.logged_in else ""
    hidden = await _hidden(call)
    return [_profile(user, () if user.id == mine else hidden) for user in users]


def _profile(user: User, hidden: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = to_json(user)
    return {name: value for name, value in found.items() if name not in hidden}


async def _hidden(call: RestCall) -> tuple[str, ...]:
    """The fields of others that who asks does not see: by the configuration, or as a guest, who sees no address."""
    if await call.may("edit_other_users"):
        return ()
    privacy = await call.workspace.config.section("PrivacySettings")
    addresses = privacy["ShowEmailAddress"] and await call.may("view_members")
    return (*OWN, *(() if addresses else ("email",)), *(() if privacy["ShowFullName"] else FULL_NAME))


async def _one_seen(call: RestCall, user: User) -> dict[str, Any]:
    await call.require_seeing(user.id)
    return await one_shown(call, user)


async def _all_seen(call: RestCall, users: Sequence[User]) -> list[dict[str, Any]]:
    seen = {*await call.workspace.visible_users.among(call.user_id, [user.id for user in users])}
    return await shown(call, [user for user in users if user.id in seen])


async def one_shown(call: RestCall, user: User) -> dict[str, Any]:
    """A user as who asks may see them."""
    return (await shown(call, [user]))[0]


# Accounts that are new


async def create_user(call: RestCall) -> Any:
    """Create an account: an administrator may, and who has an invitation to a team, by `iid` in the query."""
    body = await call.object()
    if await call.may(MANAGE):
        return await one_shown(call, await call.workspace.users.create(User(**values_of(User, body, (*NEW, *GIVEN)))))
    settings = await call.workspace.config.section("TeamSettings")
    if not settings["EnableUserCreation"]:
        raise AppFailure("api.user.create_user.signup_email_disabled.app_error", "Nobody can sign up here.", 501)
    invitation = call.query("iid")
    if not invitation and not settings["EnableOpenServer"]:
        raise forbidden("api.user.create_user.no_open_server", "An invitation is needed.", where="createUser")
    user = User(**values_of(User, body, NEW))
    if not invitation:
        return to_json(await call.workspace.users.create(user))
    team = await call.workspace.teams.get_by_invite_id(invitation)
    return to_json(await call.workspace.team_members.sign_up(team.id, user))


# Finding them


async def get_user(call: RestCall) -> Any:
    """One user; "me" is who asks."""
    user_id = call.path("user_id")
    await call.require_seeing(user_id)
    return await one_shown(call, await call.workspace.users.get(user_id))


async def get_by_username(call: RestCall) -> Any:
    """The user of a name."""
    return await _one_seen(call, await call.workspace.users.get_by_username(call.path("username")))


async def get_by_email(call: RestCall) -> Any:
    """The user with an address."""
    if "email" in await _hidden(call):
        raise call.workspace.permissions.denied("edit_other_users")
    return await _one_seen(call, await call.workspace.users.get_by_email(call.path("email")))


async def get_users(call: RestCall) -> Any:
    """A page of users, by team, channel, group, role and activity, in an order."""
    wanted = UserFilter(
        in_team_id=call.query("in_team"),
        not_in_team_id=call.query("not_in_team"),
        in_channel_id=call.query("in_channel"),
        not_in_channel_id=call.query("not_in_channel"),
        in_group_id=call.query("in_group"),
        not_in_group_id=call.query("not_in_group"),
        group_constrained=call.flag("group_constrained"),
        without_team=call.flag("without_team"),
        inactive=call.flag("inactive"),
        active=call.flag("active"),
        role=call.query("role"),
        roles=_words(call.query("roles")),
        channel_roles=_words(call.query("channel_roles")),
        team_roles=_words(call.query("team_roles")),
    )
    wanted = await _restricted(call, wanted)
    return await shown(call, await call.workspace.users.find(wanted, call.query("sort"), call.page, call.per_page))


async def get_by_ids(call: RestCall) -> Any:
    """Users by their ids."""
    return await _all_seen(call, await call.workspace.users.by_ids(await call.typed(list[str], "user_ids")))


async def get_by_usernames(call: RestCall) -> Any:
    """Users by their names."""
    return await _all_seen(call, await call.workspace.users.by_usernames(await call.typed(list[str], "usernames")))


async def search(call: RestCall) -> Any:
    """Users of whose names the words of a term begin one."""
    body = await call.object()
    values = values_of(UserFilter, body, [name for name in UserFilter.__dataclass_fields__ if name != "active"])
    values["in_team_id"] = value_of(str, body.get("team_id") or "", "team_id")
    wanted = UserFilter(**values, active=not body.get("allow_inactive"))
    wanted = await _restricted(call, wanted)
    term = value_of(str, body.get("term") or "", "term")
    if not term:
        raise bad_value("term")
    limit = value_of(int, body.get("limit") or SEARCH_LIMIT, "limit")
    found = await call.workspace.users.search(term, wanted, min(limit, SEARCH_LIMIT), await _hidden(call))
    return await shown(call, found)


async def autocomplete(call: RestCall) -> Any:
    """Users to choose from while a name is typed; with a channel, who is not in it comes apart."""
    team_id, channel_id = call.query("in_team"), call.query("in_channel")
    wanted = UserFilter(in_team_id=team_id, in_channel_id=channel_id, active=True)
    wanted = await _restricted(call, wanted)
    limit, name = min(call.number("limit", SEARCH_LIMIT), SEARCH_LIMIT), call.query("name")
    hidden = await _hidden(call)
    found = {"users": await shown(call, await call.workspace.users.search(name, wanted, limit, hidden))}
    if not channel_id:
        return found
    outside = replace(wanted, in_channel_id="", not_in_channel_id=channel_id)
    others = await call.workspace.users.search(name, outside, limit, hidden)
    return found | {"out_of_channel": await shown(call, others)}


async def stats(call: RestCall) -> Any:
    """How many active users there are."""
    return {"total_users_count": await call.workspace.users.count(UserFilter(active=True))}


async def _restricted(call: RestCall, wanted: UserFilter) -> UserFilter:
    for team_id in filter(None, (wanted.in_team_id, wanted.not_in_team_id)):
        await call.require_in_team(team_id, "view_team")
    for channel_id in filter(None, (wanted.in_channel_id, wanted.not_in_channel_id)):
        await call.require_in_channel(channel_id, "read_channel")
    return replace(wanted, view_restrictions=await call.workspace.visible_users.restrictions(call.user_id))


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


# Changing them


async def update_user(call: RestCall) -> Any:
    """Change what a user says of themselves. Another address needs the password, unless an administrator gives it."""
    user_id, body = call.path("user_id"), await call.object()
    old = await call.workspace.users.get(user_id)
    new = replace(old, **values_of(User, body, PATCHABLE))
    if new.email.lower() != old.email and not await call.may("edit_other_users"):
        password = value_of(str, body.get("password") or "", "password")
        await call.workspace.logins.check_password(user_id, password, address=call.address)
    return await one_shown(call, await call.workspace.users.update(new))


async def update_roles(call: RestCall) -> Any:
    """Replace a user's system roles."""
    user_id, roles = call.path("user_id"), value_of(str, (await call.object()).get("roles"), "roles")
    await call.require_no_administrator(user_id)
    if await call.workspace.permissions.grant(roles.split(), ADMINISTRATOR):
        await call.require(ADMINISTRATOR)
    await call.workspace.users.set_roles(user_id, roles)
    return OK


async def update_active(call: RestCall) -> Any:
    """Deactivate a user, or take that back."""
    body = await call.object()
    return await _set_active(call, value_of(bool, body.get("active"), "active"))


async def delete_user(call: RestCall) -> Any:
    """Deactivate a user."""
    return await _set_active(call, False)


async def _set_active(call: RestCall, active: bool) -> Any:
    user_id = call.path("user_id")
    if active:
        await call.require(MANAGE)
    await call.workspace.users.set_active(user_id, active)
    return OK


async def update_password(call: RestCall) -> Any:
    """Give a user another password, which ends other sessions; who is no administrator has to know the present one."""
    user_id, body = call.path("user_id"), await call.object()
    current, new = (value_of(str, body.get(name) or "", name) for name in ("current_password", "new_password"))
    if user_id == call.user_id:
        await call.workspace.logins.check_password(user_id, current, address=call.address)
    await call.workspace.users.set_password(user_id, new)
    await call.workspace.sessions.revoke_others(user_id, keep=call.session.id)
    return OK


# Images


async def get_image(call: RestCall) -> Any:
    """A user's image."""
    user_id = call.path("user_id")
    await call.require_seeing(user_id)
    return image_response(await call.workspace.profile_images.get(user_id))


async def get_default_image(call: RestCall) -> Any:
    """The image of a user who has set none."""
    await call.require_seeing(call.path("user_id"))
    return image_response(plain_image((await call.workspace.users.get(call.path("user_id"))).id))


async def set_image(call: RestCall) -> Any:
    """Replace a user's image by the form's file `image`."""
    user_id = call.path("user_id")
    data = await file_of(call.request, "image", call.workspace.settings.max_file_size)
    await call.workspace.profile_images.set(user_id, data)
    return OK


async def reset_image(call: RestCall) -> Any:
    """Go back to the image of who has set none."""
    user_id = call.path("user_id")
    await call.workspace.profile_images.reset(user_id)
    return OK


_CREATE_USER_BY = PUBLIC.besides("`sysconsole_write_user_management_users` everywhere, or an invitation to a team")
_UPDATE_ROLES_BY = system("manage_roles").besides("`manage_system` to make an administrator, or change one")
_UPDATE_ACTIVE_BY = account(MANAGE).besides("`sysconsole_write_user_management_users` to take it back")

ROUTES = [
    RestRoute("POST", "/users", create_user, _CREATE_USER_BY, status=201),
    RestRoute("GET", "/users", get_users, SEEN),
    RestRoute("POST", "/users/ids", get_by_ids, SEEN),
    RestRoute("POST", "/users/usernames", get_by_usernames, SEEN),
    RestRoute("POST", "/users/search", search, SEEN),
    RestRoute("GET", "/users/autocomplete", autocomplete, SEEN),
    RestRoute("GET", "/users/stats", stats, system("view_members")),
    RestRoute("GET", "/users/username/{username}", get_by_username, SEEN),
    RestRoute("GET", "/users/email/{email}", get_by_email, SEEN),
    RestRoute("GET", "/users/{user_id}", get_user, SEEN),
    RestRoute("PUT", "/users/{user_id}", update_user, account()),
    RestRoute("DELETE", "/users/{user_id}", delete_user, account(MANAGE)),
    RestRoute("PUT", "/users/{user_id}/patch", update_user, account()),
    RestRoute("PUT", "/users/{user_id}/roles", update_roles, _UPDATE_ROLES_BY),
    RestRoute("PUT", "/users/{user_id}/active", update_active, _UPDATE_ACTIVE_BY),
    RestRoute("PUT", "/users/{user_id}/password", update_password, account(MANAGE)),
    RestRoute("GET", "/users/{user_id}/image", get_image, SEEN),
    RestRoute("POST", "/users/{user_id}/image", set_image, account()),
    RestRoute("DELETE", "/users/{user_id}/image", reset_image, account()),
    RestRoute("GET", "/users/{user_id}/image/default", get_default_image, SEEN),
]
