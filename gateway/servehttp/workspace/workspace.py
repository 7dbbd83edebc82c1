"""The embedded workspace: what Mattermost's server would do, as one object with an attribute for each domain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from servehttp.settings import WorkspaceSettings
from servehttp.workspace.domains.base.audits import Audits
from servehttp.workspace.domains.base.config import Config
from servehttp.workspace.domains.base.mail import Mail
from servehttp.workspace.domains.base.maintenance import Maintenance
from servehttp.workspace.domains.base.support import Support
from servehttp.workspace.domains.base.system_properties import SystemProperties
from servehttp.workspace.domains.people.bots import Bots
from servehttp.workspace.domains.people.group_members import GroupMembers
from servehttp.workspace.domains.people.groups import Groups
from servehttp.workspace.domains.people.logins import Logins
from servehttp.workspace.domains.people.passwords import Passwords
from servehttp.workspace.domains.people.permissions import Permissions
from servehttp.workspace.domains.people.profile_images import ProfileImages
from servehttp.workspace.domains.people.pushes import Pushes
from servehttp.workspace.domains.people.roles import Roles
from servehttp.workspace.domains.people.sessions import Sessions
from servehttp.workspace.domains.people.statuses import Statuses
from servehttp.workspace.domains.people.tokens import AccessTokens
from servehttp.workspace.domains.people.users import Users
from servehttp.workspace.domains.people.visible_users import VisibleUsers
from servehttp.workspace.domains.places.channel_members import ChannelMembers
from servehttp.workspace.domains.places.channels import Channels
from servehttp.workspace.domains.places.direct_channels import DirectChannels
from servehttp.workspace.domains.places.group_sync import GroupSync
from servehttp.workspace.domains.places.group_syncables import GroupSyncables
from servehttp.workspace.domains.places.preferences import Preferences
from servehttp.workspace.domains.places.sidebar import Sidebar
from servehttp.workspace.domains.places.team_icons import TeamIcons
from servehttp.workspace.domains.places.team_members import TeamMembers
from servehttp.workspace.domains.places.teams import Teams
from servehttp.workspace.domains.places.unreads import Unreads
from servehttp.workspace.domains.plugins.collection_types import CollectionTypes
from servehttp.workspace.domains.plugins.commands import Commands
from servehttp.workspace.domains.plugins.dialogs import Dialogs
from servehttp.workspace.domains.plugins.kv import KeyValues
from servehttp.workspace.domains.plugins.oauth_apps import OAuthApps
from servehttp.workspace.domains.plugins.plugin_events import PluginEvents
from servehttp.workspace.domains.plugins.plugin_records import PluginRecords
from servehttp.workspace.domains.plugins.plugins import Plugins
from servehttp.workspace.domains.plugins.slash_commands import SlashCommands
from servehttp.workspace.domains.posts.emoji import CustomEmoji
from servehttp.workspace.domains.posts.ephemeral_posts import EphemeralPosts
from servehttp.workspace.domains.posts.file_links import FileLinks
from servehttp.workspace.domains.posts.files import Files
from servehttp.workspace.domains.posts.mentions import Mentions
from servehttp.workspace.domains.posts.post_events import PostEvents
from servehttp.workspace.domains.posts.post_lists import PostLists
from servehttp.workspace.domains.posts.post_search import PostSearch
from servehttp.workspace.domains.posts.post_store import PostStore
from servehttp.workspace.domains.posts.post_views import PostViews
from servehttp.workspace.domains.posts.posts import Posts
from servehttp.workspace.domains.posts.reactions import Reactions
from servehttp.workspace.domains.posts.threads import Threads
from servehttp.workspace.domains.posts.uploads import Uploads
from servehttp.workspace.domains.properties.property_fields import PropertyFields
from servehttp.workspace.domains.properties.property_groups import PropertyGroups
from servehttp.workspace.domains.properties.property_values import PropertyValues
from servehttp.workspace.domains.sharing.channel_sync import ChannelSync
from servehttp.workspace.domains.sharing.remotes import Remotes
from servehttp.workspace.domains.sharing.shared_channels import SharedChannels
from servehttp.workspace.events import Events
from servehttp.workspace.hooks import Hooks
from servehttp.workspace.ids import Clock, now
from servehttp.workspace.store.blobs import Blobs
from servehttp.workspace.store.data_folder import make_private_file
from servehttp.workspace.store.database import Database, Timeouts
from servehttp.workspace.store.migrations import migrate

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
        self.audits = Audits(self)
        self.bots = Bots(self)
        self.channel_members = ChannelMembers(self)
        self.channel_sync = ChannelSync(self)
        self.channels = Channels(self)
        self.collection_types = CollectionTypes(self)
        self.commands = Commands(self)
        self.config = Config(self)
        self.passwords = Passwords(self)
        self.dialogs = Dialogs(self)
        self.direct_channels = DirectChannels(self)
        self.emoji = CustomEmoji(self)
        self.ephemeral_posts = EphemeralPosts(self)
        self.system_properties = SystemProperties(self)
        self.file_links = FileLinks(self)
        self.files = Files(self)
        self.group_members = GroupMembers(self)
        self.group_sync = GroupSync(self)
        self.group_syncables = GroupSyncables(self)
        self.groups = Groups(self)
        self.kv = KeyValues(self)
        self.logins = Logins(self)
        self.mail = Mail(self)
        self.maintenance = Maintenance(self)
        self.mentions = Mentions(self)
        self.oauth_apps = OAuthApps(self)
        self.permissions = Permissions(self)
        self.plugin_events = PluginEvents(self)
        self.plugins = Plugins(self)
        self.post_events = PostEvents(self)
        self.post_lists = PostLists(self)
        self.post_search = PostSearch(self)
        self.post_store = PostStore(self)
        self.post_views = PostViews(self)
        self.posts = Posts(self)
        self.preferences = Preferences(self)
        self.plugin_records = PluginRecords(self)
        self.profile_images = ProfileImages(self)
        self.property_fields = PropertyFields(self)
        self.property_groups = PropertyGroups(self)
        self.property_values = PropertyValues(self)
        self.pushes = Pushes(self)
        self.reactions = Reactions(self)
        self.remotes = Remotes(self)
        self.roles = Roles(self)
        self.sessions = Sessions(self)
        self.shared_channels = SharedChannels(self)
        self.sidebar = Sidebar(self)
        self.slash_commands = SlashCommands(self)
        self.statuses = Statuses(self)
        self.support = Support(self)
        self.team_icons = TeamIcons(self)
        self.team_members = TeamMembers(self)
        self.teams = Teams(self)
        self.threads = Threads(self)
        self.unreads = Unreads(self)
        self.uploads = Uploads(self)
        self.users = Users(self)
        self.visible_users = VisibleUsers(self)


@asynccontextmanager
async def open_workspace(data_dir: Path, settings: WorkspaceSettings, clock: Clock = now) -> AsyncIterator[Workspace]:
    """Open a workspace, made on the first start, brought up to date on later ones; close it at the end.

    Args:
        data_dir: the folder of its files, and of its database unless the settings name one.
        settings: its settings.
        clock: what time it is.
    """
    async with _opened(data_dir, settings, clock, make=True) as workspace:
        await migrate(workspace.database)
        await workspace.roles.seed()
        await workspace.system_properties.seed()
        yield workspace


@asynccontextmanager
async def visit_workspace(data_dir: Path, settings: WorkspaceSettings, clock: Clock = now) -> AsyncIterator[Workspace]:
    """Open a workspace that another process has open, for looking at what is in it, not for changing it.

    Neither hooks nor events of either process reach the other one.
    """
    async with _opened(data_dir, settings, clock, make=False) as workspace:
        yield workspace


@asynccontextmanager
async def _opened(data_dir: Path, settings: WorkspaceSettings, clock: Clock, *, make: bool) -> AsyncIterator[Workspace]:
    database = _open_database(data_dir, settings, make=make)
    hooks = Hooks(timeout=settings.hook_timeout, queue=settings.hook_queue, concurrency=settings.hook_concurrency)
    try:
        yield Workspace(database, Blobs(data_dir / FILES_FOLDER), settings, hooks, clock)
    finally:
        await hooks.close()
        await database.close()


def _open_database(data_dir: Path, settings: WorkspaceSettings, *, make: bool) -> Database:
    timeouts = Timeouts(settings.database_connect_timeout, settings.busy_timeout, settings.database_timeout)
    if not settings.database_url:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if make:
            make_private_file(data_dir / DATABASE_FILE)
    return Database.open(settings.database_url or f"sqlite:///{data_dir / DATABASE_FILE}", timeouts, make=make)
