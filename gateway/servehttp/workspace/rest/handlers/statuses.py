"""Who is there, and what they say about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mattermost_plugin.models import CustomStatus, UserStatus
from servehttp.workspace.rest.access import LOGGED_IN, account, oneself
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import bad_value, value_of, values_of
from servehttp.workspace.rest.routes import RestRoute


async def _statuses(call: RestCall, user_ids: Sequence[str]) -> list[UserStatus]:
    """The statuses of users; who has none is offline."""
    found = {status.user_id: status for status in await call.workspace.statuses.by_ids(user_ids)}
    return [found.get(user_id, UserStatus(user_id=user_id, status="offline")) for user_id in dict.fromkeys(user_ids)]


async def get_status(call: RestCall) -> Any:
    """A user's status."""
    user = await call.workspace.users.get(call.path("user_id"))
    await call.require_seeing(user.id)
    return (await _statuses(call, [user.id]))[0]


async def get_by_ids(call: RestCall) -> Any:
    """The statuses of users by their ids."""
    seen = await call.workspace.visible_users.among(call.user_id, await call.typed(list[str], "user_ids"))
    return await _statuses(call, list(seen))


async def update_status(call: RestCall) -> Any:
    """Set a user's status; "dnd" may have an end, in seconds since the epoch."""
    user_id, body = call.path("user_id"), await call.object()
    status = value_of(str, body.get("status"), "status")
    ends = value_of(int, body.get("dnd_end_time") or 0, "dnd_end_time")
    if status == "dnd" and ends:
        return await call.workspace.statuses.set_timed_dnd(user_id, ends)
    return await call.workspace.statuses.set(user_id, status)


async def update_custom(call: RestCall) -> Any:
    """Set the emoji and the text beside a user's name."""
    user_id, body = call.path("user_id"), await call.object()
    values = values_of(CustomStatus, body, ("emoji", "text", "duration"))
    custom = CustomStatus(**values, expires_at=_milliseconds(body.get("expires_at")))
    await call.workspace.statuses.set_custom(user_id, custom)
    return OK


async def remove_custom(call: RestCall) -> Any:
    """Take the emoji and the text away."""
    user_id = call.path("user_id")
    await call.workspace.statuses.remove_custom(user_id)
    return OK


async def publish_typing(call: RestCall) -> Any:
    """Show a user as typing to the others in a channel."""
    user_id, body = call.path("user_id"), await call.object()
    channel_id = value_of(str, body.get("channel_id"), "channel_id")
    await call.require_in_channel(channel_id, "create_post")
    parent_id = value_of(str, body.get("parent_id") or "", "parent_id")
    call.workspace.statuses.publish_typing(user_id, channel_id, parent_id)
    return OK


def _milliseconds(moment: Any) -> int:
    """JSON has this one as a date; none, and year 1, is no moment."""
    if not moment:
        return 0
    try:
        return max(int(datetime.fromisoformat(value_of(str, moment, "expires_at")).timestamp() * 1000), 0)
    except (ValueError, OverflowError):
        raise bad_value("expires_at") from None


_PUBLISH_TYPING_BY = oneself("manage_system").besides("`create_post` in the channel of the body")

ROUTES = [
    RestRoute("POST", "/users/status/ids", get_by_ids, LOGGED_IN.besides("of users whom one may see")),
    RestRoute("GET", "/users/{user_id}/status", get_status, LOGGED_IN.besides("of users whom one may see")),
    RestRoute("PUT", "/users/{user_id}/status", update_status, account()),
    RestRoute("PUT", "/users/{user_id}/status/custom", update_custom, account()),
    RestRoute("DELETE", "/users/{user_id}/status/custom", remove_custom, account()),
    RestRoute("POST", "/users/{user_id}/typing", publish_typing, _PUBLISH_TYPING_BY),
]
