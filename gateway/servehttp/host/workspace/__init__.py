"""The embedded workspace: what Mattermost's server would do, as one object with an attribute for each domain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from servehttp.host.dispatch import Hooks
from servehttp.host.events import Events
from servehttp.host.ids import Clock, now
from servehttp.host.store.blobs import Blobs
from servehttp.host.store.database import Database
from servehttp.host.store.migrations import migrate
from servehttp.host.workspace.channel_members import ChannelMembers
from servehttp.host.workspace.channels import Channels
from servehttp.host.workspace.direct_channels import DirectChannels
from servehttp.host.workspace.kv import KeyValues
from servehttp.host.workspace.logins import Logins
from servehttp.host.workspace.permissions import Permissions
from servehttp.host.workspace.profile_images import ProfileImages
from servehttp.host.workspace.roles import Roles
from servehttp.host.workspace.sessions import Sessions
from servehttp.host.workspace.statuses import Statuses
from servehttp.host.workspace.team_icons import TeamIcons
from servehttp.host.workspace.team_members import TeamMembers
from servehttp.host.workspace.teams import Teams
from servehttp.host.workspace.tokens import AccessTokens
from servehttp.host.workspace.unreads import Unreads
from servehttp.host.workspace.users import Users
from servehttp.settings import WorkspaceSettings

DATABASE_FILE = "workspace.db"
FILES_FOLDER = "files"


class Workspace:
    """A workspace that is open.

    Args:
        database: with the schema up to date.
        blobs: where files are kept.
        settings: its settings.
        hooks: what fires hooks in plugins.
        clock: what time it is.
    """

    def __init__(
        self, database: Database, blobs: Blobs, settings: WorkspaceSettings, hooks: Hooks, clock: Clock = now
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.settings = settings
        self.hooks = hooks
        self.clock = clock
        self.events = Events(settings.event_queue)
        # One line for each domain.
        self.access_tokens = AccessTokens(self)
        self.channel_members = ChannelMembers(self)
        self.channels = Channels(self)
        self.direct_channels = DirectChannels(self)
        self.kv = KeyValues(self)
        self.logins = Logins(self)
        self.permissions = Permissions(self)
        self.profile_images = ProfileImages(self)
        self.roles = Roles(self)
        self.sessions = Sessions(self)
        self.statuses = Statuses(self)
        self.team_icons = TeamIcons(self)
        self.team_members = TeamMembers(self)
        self.teams = Teams(self)
        self.unreads = Unreads(self)
        self.users = Users(self)


@asynccontextmanager
async def open_workspace(data_dir: Path, settings: WorkspaceSettings, clock: Clock = now) -> AsyncIterator[Workspace]:
    """Open a workspace, made on the first start, brought up to date on later ones; close it at the end.

    Args:
        data_dir: the folder of its files, and of its database unless the settings name one.
        settings: its settings.
        clock: what time it is.
    """
    database = _open_database(data_dir, settings)
    hooks = Hooks(timeout=settings.hook_timeout, queue=settings.hook_queue, concurrency=settings.hook_concurrency)
    try:
        await migrate(database)
        workspace = Workspace(database, Blobs(data_dir / FILES_FOLDER), settings, hooks, clock)
        await workspace.roles.seed()
        yield workspace
    finally:
        await hooks.close()
        await database.close()


def _open_database(data_dir: Path, settings: WorkspaceSettings) -> Database:
    if settings.database_url:
        return Database.open(settings.database_url, busy_timeout=settings.busy_timeout)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Database.open_file(data_dir / DATABASE_FILE, busy_timeout=settings.busy_timeout)
