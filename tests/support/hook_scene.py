"""A gateway to which things are done that fire hooks, and what is known of each such event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx2

from mattermost_plugin import HookName
from mattermost_plugin.models import Session, User
from servehttp.workspace.ids import new_id
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_channel, a_user


class Scene:
    """A gateway with a workspace and a plugin that has every hook, an administrator, and a channel with them in it."""

    def __init__(self, ws: Workspace, base: str) -> None:
        self.ws = ws
        self.base = base

    async def set(self) -> None:
        """Make what the events are about."""
        self.admin = await a_user(self.ws, "grace")
        await self.ws.users.set_roles(self.admin.id, "system_user system_admin")
        self.token = (await self.ws.sessions.create(Session(user_id=self.admin.id))).token
        self.channel = await a_channel(self.ws, self.admin)

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """A request of the administrator's, which has to be answered well."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx2.AsyncClient(base_url=self.base, headers=headers) as client:
            response = await client.request(method, path, **options)
        assert response.status_code < 300, response.text
        return response

    async def api(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """The same, of the REST API."""
        return await self.ask(method, f"/api/v4{path}", **options)

    async def somebody(self) -> User:
        """A new user."""
        return await a_user(self.ws, f"user-{new_id()[:8]}")


Arguments: TypeAlias = Callable[..., object]
Fire: TypeAlias = Callable[[Scene], Awaitable[object]]


@dataclass(frozen=True)
class Event:
    """What fires a hook.

    Attributes:
        hook: which.
        what: for people, in Markdown.
        told: of the handler's arguments, what tells this event from others.
        fire: makes it happen; returns what `told` has to give.
    """

    hook: HookName
    what: str
    told: Arguments
    fire: Fire


EVENTS: list[Event] = []


def event(hook: HookName, what: str, told: Arguments) -> Callable[[Fire], Fire]:
    """Have a function fire a hook."""

    def add(fire: Fire) -> Fire:
        EVENTS.append(Event(hook, what, told, fire))
        return fire

    return add
