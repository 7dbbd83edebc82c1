"""Accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from mattermost_plugin.models import User
from servehttp.host.errors import forbidden
from servehttp.host.rest.call import OK, Call
from servehttp.host.rest.forms import file_of
from servehttp.host.rest.json import bad_value, to_json, value_of, values_of
from servehttp.host.rest.routes import Route
from servehttp.host.workspace.images import mime_type, plain_image
from servehttp.host.workspace.user_filters import UserFilter

PATCHABLE = (
    "username", "nickname", "first_name", "last_name", "position", "email", "props", "notify_props", "locale",
    "timezone",
)  # fmt: skip
OWN = ("notify_props", "last_password_update", "failed_attempts", "email_verified", "allow_marketing", "mfa_active")
"""What only the user and administrators see."""
MANAGE = "sysconsole_write_user_management_users"
SEARCH_LIMIT = 100


async def shown(call: Call, users: Iterable[User]) -> list[dict[str, Any]]:
    """Users as who asks may see them."""
    everything = await call.may("edit_other_users")
    mine = call.user_id if call.logged_in else ""
    return [_profile(user, everything or user.id == mine) for user in users]


def _profile(user: User, whole: bool) -> dict[str, Any]:
    found: dict[str, Any] = to_json(user)
    return found if whole else {name: value for name, value in found.items() if name not in OWN}


async def one_shown(call: Call, user: User) -> dict[str, Any]:
    """A user as who asks may see them."""
    return (await shown(call, [user]))[0]


# Accounts that are new


async def create_user(call: Call) -> Any:
    """Create an account: an administrator may, and who has an invitation to a team, by `iid` in the query."""
    user = await call.model(User)
    if await call.may(MANAGE):
        return await one_shown(call, await call.ws.users.create(user))
    if not call.query("iid"):
        raise forbidden("api.user.create_user.no_open_server", "An invitation is needed.", where="createUser")
    team = await call.ws.teams.get_by_invite_id(call.query("iid"))
    made = await call.ws.users.create(replace(user, roles="", auth_service="", auth_data=None, is_bot=False))
    await call.ws.team_members.add(team.id, made.id)
    return to_json(made)


# Finding them


async def get_user(call: Call) -> Any:
    """One user; "me" is who asks."""
    user_id = call.path("user_id")
    await call.require_self(user_id, "view_members")
    return await one_shown(call, await call.ws.users.get(user_id))


async def get_by_username(call: Call) -> Any:
    """The user of a name."""
    await call.require("view_members")
    return await one_shown(call, await call.ws.users.get_by_username(call.path("username")))


async def get_by_email(call: Call) -> Any:
    """The user with an address."""
    await call.require("view_members")
    return await one_shown(call, await call.ws.users.get_by_email(call.path("email")))


async def get_users(call: Call) -> Any:
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
    await _check_may_look(call, wanted)
    return await shown(call, await call.ws.users.find(wanted, call.query("sort"), call.page, call.per_page))


async def get_by_ids(call: Call) -> Any:
    """Users by their ids."""
    await call.require("view_members")
    return await shown(call, await call.ws.users.by_ids(await call.typed(list[str], "user_ids")))


async def get_by_usernames(call: Call) -> Any:
    """Users by their names."""
    await call.require("view_members")
    return await shown(call, await call.ws.users.by_usernames(await call.typed(list[str], "usernames")))


async def search(call: Call) -> Any:
    """Users of whose names the words of a term begin one."""
    body = await call.object()
    values = values_of(UserFilter, body, [name for name in UserFilter.__dataclass_fields__ if name != "active"])
    values["in_team_id"] = value_of(str, body.get("team_id") or "", "team_id")
    wanted = UserFilter(**values, active=not body.get("allow_inactive"))
    await _check_may_look(call, wanted)
    term = value_of(str, body.get("term") or "", "term")
    if not term:
        raise bad_value("term")
    limit = value_of(int, body.get("limit") or SEARCH_LIMIT, "limit")
    return await shown(call, await call.ws.users.search(term, wanted, min(limit, SEARCH_LIMIT)))


async def autocomplete(call: Call) -> Any:
    """Users to choose from while a name is typed; with a channel, who is not in it comes apart."""
    team_id, channel_id = call.query("in_team"), call.query("in_channel")
    wanted = UserFilter(in_team_id=team_id, in_channel_id=channel_id, active=True)
    await _check_may_look(call, wanted)
    limit = min(call.number("limit", SEARCH_LIMIT), SEARCH_LIMIT)
    found = {"users": await shown(call, await call.ws.users.search(call.query("name"), wanted, limit))}
    if not channel_id:
        return found
    outside = UserFilter(in_team_id=team_id, not_in_channel_id=channel_id, active=True)
    return found | {"out_of_channel": await shown(call, await call.ws.users.search(call.query("name"), outside, limit))}


async def stats(call: Call) -> Any:
    """How many active users there are."""
    await call.require("view_members")
    return {"total_users_count": await call.ws.users.count(UserFilter(active=True))}


async def _check_may_look(call: Call, wanted: UserFilter) -> None:
    for team_id in filter(None, (wanted.in_team_id, wanted.not_in_team_id)):
        await call.require_in_team(team_id, "view_team")
    for channel_id in filter(None, (wanted.in_channel_id, wanted.not_in_channel_id)):
        await call.require_in_channel(channel_id, "read_channel")
    if not (wanted.in_team_id or wanted.in_channel_id):
        await call.require("view_members")


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


# Changing them


async def update_user(call: Call) -> Any:
    """Change what a user says of themselves. Another address needs the password, unless an administrator gives it."""
    user_id, body = call.path("user_id"), await call.object()
    await call.require_self(user_id)
    old = await call.ws.users.get(user_id)
    new = replace(old, **values_of(User, body, PATCHABLE))
    if new.email.lower() != old.email and not await call.may("edit_other_users"):
        password = value_of(str, body.get("password") or "", "password")
        await call.ws.logins.check_password(user_id, password, address=call.address)
    return await one_shown(call, await call.ws.users.update(new))


async def update_roles(call: Call) -> Any:
    """Replace a user's system roles."""
    await call.require("manage_roles")
    body = await call.object()
    await call.ws.users.set_roles(call.path("user_id"), value_of(str, body.get("roles"), "roles"))
    return OK


async def update_active(call: Call) -> Any:
    """Deactivate a user, or take that back."""
    body = await call.object()
    return await _set_active(call, value_of(bool, body.get("active"), "active"))


async def delete_user(call: Call) -> Any:
    """Deactivate a user."""
    return await _set_active(call, False)


async def _set_active(call: Call, active: bool) -> Any:
    user_id = call.path("user_id")
    await (call.require(MANAGE) if active else call.require_self(user_id, MANAGE))
    await call.ws.users.set_active(user_id, active)
    return OK


async def update_password(call: Call) -> Any:
    """Give a user another password, which ends other sessions; who is no administrator has to know the present one."""
    user_id, body = call.path("user_id"), await call.object()
    await call.require_self(user_id, MANAGE)
    current, new = (value_of(str, body.get(name) or "", name) for name in ("current_password", "new_password"))
    if user_id == call.user_id:
        await call.ws.logins.check_password(user_id, current, address=call.address)
    await call.ws.users.set_password(user_id, new)
    await call.ws.sessions.revoke_others(user_id, keep=call.session.id)
    return OK


# Images


async def get_image(call: Call) -> Any:
    """A user's image."""
    user_id = call.path("user_id")
    await call.require_self(user_id, "view_members")
    return image(await call.ws.profile_images.get(user_id))


async def get_default_image(call: Call) -> Any:
    """The image of a user who has set none."""
    await call.require("view_members")
    return image(plain_image((await call.ws.users.get(call.path("user_id"))).id))


async def set_image(call: Call) -> Any:
    """Replace a user's image by the form's file `image`."""
    user_id = call.path("user_id")
    await call.require_self(user_id)
    data = await file_of(call.request, "image", call.ws.settings.max_file_size)
    await call.ws.profile_images.set(user_id, data)
    return OK


async def reset_image(call: Call) -> Any:
    """Go back to the image of who has set none."""
    user_id = call.path("user_id")
    await call.require_self(user_id)
    await call.ws.profile_images.reset(user_id)
    return OK


def image(data: bytes) -> Response:
    """An answer that is an image, which a browser takes for nothing else."""
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=86400"}
    return Response(data, media_type=mime_type(data) or "application/octet-stream", headers=headers)


ROUTES = [
    Route("POST", "/users", create_user, status=201, public=True),
    Route("GET", "/users", get_users),
    Route("POST", "/users/ids", get_by_ids),
    Route("POST", "/users/usernames", get_by_usernames),
    Route("POST", "/users/search", search),
    Route("GET", "/users/autocomplete", autocomplete),
    Route("GET", "/users/stats", stats),
    Route("GET", "/users/username/{username}", get_by_username),
    Route("GET", "/users/email/{email}", get_by_email),
    Route("GET", "/users/{user_id}", get_user),
    Route("PUT", "/users/{user_id}", update_user),
    Route("DELETE", "/users/{user_id}", delete_user),
    Route("PUT", "/users/{user_id}/patch", update_user),
    Route("PUT", "/users/{user_id}/roles", update_roles),
    Route("PUT", "/users/{user_id}/active", update_active),
    Route("PUT", "/users/{user_id}/password", update_password),
    Route("GET", "/users/{user_id}/image", get_image),
    Route("POST", "/users/{user_id}/image", set_image),
    Route("DELETE", "/users/{user_id}/image", reset_image),
    Route("GET", "/users/{user_id}/image/default", get_default_image),
]
