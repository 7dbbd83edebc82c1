"""What a client may ask of its WebSocket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from mattermost_plugin.models import WebSocketRequest
from servehttp.workspace.errors import invalid
from servehttp.workspace.rest.json import value_of
from servehttp.workspace.workspace import Workspace

FOR_PLUGINS = "custom_"
"""How the actions begin that only plugins know."""

Action: TypeAlias = Callable[[Workspace, str, WebSocketRequest], Awaitable[Mapping[str, Any] | None]]


async def act(workspace: Workspace, user_id: str, request: WebSocketRequest) -> Mapping[str, Any] | None:
    """Do what a user's client asks; returns what it is to be told.

    Raises:
        AppFailure: 400, there is no such action; or as the action has it.
    """
    action = _ACTIONS.get(request.action)
    if action is None:
        text = f"There is no action {request.action!r}."
        raise invalid("api.web_socket_router.bad_action.app_error", text, where=request.action)
    return await action(workspace, user_id, request)


async def _ping(workspace: Workspace, user_id: str, request: WebSocketRequest) -> Mapping[str, Any]:
    return {"text": "pong", "server_time": workspace.clock(), "node_id": ""}


async def _typing(workspace: Workspace, user_id: str, request: WebSocketRequest) -> None:
    channel_id = value_of(str, request.data.get("channel_id"), "channel_id")
    if not await workspace.permissions.has_in_channel(user_id, channel_id, "create_post"):
        raise workspace.permissions.denied("create_post", "user_typing")
    parent_id = value_of(str, request.data.get("parent_id") or "", "parent_id")
    workspace.statuses.publish_typing(user_id, channel_id, parent_id)


async def _active(workspace: Workspace, user_id: str, request: WebSocketRequest) -> None:
    active = value_of(bool, request.data.get("user_is_active"), "user_is_active")
    manual = value_of(bool, request.data.get("manual") or False, "manual")
    status = "online" if active else "away"
    await (workspace.statuses.set(user_id, status) if manual else workspace.statuses.appear(user_id, status))


async def _statuses(workspace: Workspace, user_id: str, request: WebSocketRequest) -> Mapping[str, Any]:
    wanted = value_of(list[str], request.data.get("user_ids") or [user_id], "user_ids")
    seen = list(await workspace.visible_users.among(user_id, wanted))
    return {status.user_id: status.status for status in await workspace.statuses.by_ids(seen)}


_ACTIONS: Mapping[str, Action] = {
    "ping": _ping,
    "user_typing": _typing,
    "user_update_active_status": _active,
    "get_statuses": _statuses,
    "get_statuses_by_ids": _statuses,
}
