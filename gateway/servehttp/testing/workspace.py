"""The embedded workspace as a plugin's host: the real one, over gRPC, in a thread and a folder that a test throws away.

It has a thread of its own because a host is another process: it answers while the plugin or the test waits.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from mattermost_plugin.models import Bot, Channel, Team, User
from mattermost_plugin.runtime_config import RuntimeConfig
from mattermost_plugin.testing.lifetime import PLUGIN_ID
from servehttp.workspace.hooks import HookCaller
from servehttp.workspace.rpc.server import Endpoint
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import Workspace, open_workspace

PASSWORD = "a password for tests"
OPEN, PRIVATE = "O", "P"

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class FakeAPI:
    """A workspace, empty at first. Its methods wait, in async tests as well: each takes some milliseconds.

    Args:
        workspace: the workspace.
        portal: to its event loop.
        config: with which the plugin reaches it.

    Attributes:
        workspace: for what has no method here; see `call`.
        config: with which a plugin is made whose API this is to be.
    """

    def __init__(self, workspace: Workspace, portal: BlockingPortal, config: RuntimeConfig) -> None:
        self.workspace = workspace
        self.config = config
        self._portal = portal
        self._numbers = itertools.count(1)

    def create_user(self, username: str = "", *, roles: str = "", password: str = PASSWORD) -> User:
        """A new user.

        Args:
            username: by default one that nobody has.
            roles: instead of system_user, such as "system_admin system_user".
            password: with which they can log in.
        """
        name = username or f"user{next(self._numbers)}"
        user = self.call(
            self.workspace.users.create, User(username=name, email=f"{name}@example.com", password=password)
        )
        return self.call(self.workspace.users.set_roles, user.id, roles) if roles else user

    def create_bot(self, username: str = "") -> Bot:
        """A new bot, owned by the plugin."""
        name = username or f"bot{next(self._numbers)}"
        return self.call(self.workspace.bots.create, Bot(username=name, owner_id=self.config.plugin_id))

    def create_team(self, name: str = "", *, members: Iterable[User] = ()) -> Team:
        """A new open team, with members."""
        name = name or f"team{next(self._numbers)}"
        team = self.call(self.workspace.teams.create, Team(name=name, display_name=name.title(), type=OPEN))
        for member in members:
            self.call(self.workspace.team_members.add, team.id, member.id)
        return team

    def create_channel(
        self, team: Team, name: str = "", *, members: Iterable[User] = (), private: bool = False
    ) -> Channel:
        """A new channel, with members; those that the team has not yet become the team's as well."""
        name = name or f"channel{next(self._numbers)}"
        channel = Channel(team_id=team.id, name=name, display_name=name.title(), type=PRIVATE if private else OPEN)
        channel = self.call(self.workspace.channels.create, channel)
        for member in members:
            self.call(self.workspace.team_members.add, team.id, member.id)
            self.call(self.workspace.channel_members.add, channel.id, member.id)
        return channel

    def call(
        self, function: Callable[Parameters, Awaitable[Result]], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run an async function in the workspace's thread, and return its result.

        In an async test it may not be one that asks the plugin, such as posting: the plugin could not answer.
        """
        return self._portal.call(partial(function, *args, **kwargs))

    async def settled(self) -> None:
        """Returns when the plugin has been told everything so far that hooks tell, such as UserHasBeenCreated."""
        await asyncio.wrap_future(self._portal.start_task_soon(self.workspace.hooks.settled))

    def connect(self, hooks: HookCaller) -> None:
        """Fire the workspace's hooks in the plugin from now on."""
        self._portal.call(self.workspace.hooks.register, self.config.plugin_id, hooks)

    def disconnect(self) -> None:
        """Fire none any more."""
        self._portal.call(self.workspace.hooks.unregister, self.config.plugin_id)


@contextmanager
def fake_api(plugin_id: str = PLUGIN_ID) -> Iterator[FakeAPI]:
    """A workspace for one plugin, and its API at a socket; nothing is left of it at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="fake-api-") as folder,  # short, because it becomes a socket's path
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(_opened(Path(folder), plugin_id)) as (workspace, config),
    ):
        yield FakeAPI(workspace, portal, config)


@asynccontextmanager
async def _opened(folder: Path, plugin_id: str) -> AsyncIterator[tuple[Workspace, RuntimeConfig]]:
    async with open_workspace(folder / "data", WorkspaceSettings()) as workspace:
        endpoint = await Endpoint.on_socket(workspace, plugin_id, folder / "api")
        try:
            yield workspace, RuntimeConfig(plugin_id=plugin_id, api_target=endpoint.target)
        finally:
            await endpoint.close()
