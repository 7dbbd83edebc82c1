"""The embedded workspace: what Mattermost's server would do, as one object with an attribute for each domain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from servehttp.workspace.domains.base.audits import Audits
from servehttp.workspace.domains.base.config import Config
from servehttp.workspace.domains.base.domain import Domain, Resources
from servehttp.workspace.domains.base.mail import Mail
from servehttp.workspace.domains.base.maintenance import Maintenance
from servehttp.workspace.domains.base.sizes import Sizes
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
from servehttp.workspace.domains.plugins.plugin_settings import PluginSettings
from servehttp.workspace.domains.plugins.plugins import Plugins
from servehttp.workspace.domains.plugins.slash_commands import SlashCommands
from servehttp.workspace.domains.plugins.support import Support
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
from servehttp.workspace.settings import DATABASE_FILE, WorkspaceSettings
from servehttp.workspace.store.blobs import Blobs
from servehttp.workspace.store.data_folder import make_private_file
from servehttp.workspace.store.database import Database, Pool, Timeouts
from servehttp.workspace.store.files_place import open_blobs
from servehttp.workspace.store.migrations import migrate

FILES_FOLDER = "files"


class Workspace:
    """A workspace that is open.

    Args:
        database: with the schema up to date.
        blobs: where files are kept.
        settings: its settings.
        hooks: what fires hooks in plugins.
        clock: what time it is.

    Attributes:
        figures: what was counted of hooks and API calls.
    """

    def __init__(
        self, database: Database, blobs: Blobs, settings: WorkspaceSettings, hooks: Hooks, clock: Clock = now
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.settings = settings
        self.hooks = hooks
        self.figures = hooks.figures
        self.clock = clock
        self.events = Events(settings.event_queue)
        resources = Resources(database, blobs, settings, hooks, self.events, clock)
        # One line for each domain.
        self.access_tokens = AccessTokens(resources)
        self.audits = Audits(resources)
        self.bots = Bots(resources)
        self.channel_members = ChannelMembers(resources)
        self.channel_sync = ChannelSync(resources)
        self.channels = Channels(resources)
        self.collection_types = CollectionTypes(resources)
        self.commands = Commands(resources)
        self.config = Config(resources)
        self.passwords = Passwords(resources)
        self.dialogs = Dialogs(resources)
        self.direct_channels = DirectChannels(resources)
        self.emoji = CustomEmoji(resources)
        self.ephemeral_posts = EphemeralPosts(resources)
        self.system_properties = SystemProperties(resources)
        self.file_links = FileLinks(resources)
        self.files = Files(resources)
        self.group_members = GroupMembers(resources)
        self.group_sync = GroupSync(resources)
        self.group_syncables = GroupSyncables(resources)
        self.groups = Groups(resources)
        self.kv = KeyValues(resources)
        self.logins = Logins(resources)
        self.mail = Mail(resources)
        self.maintenance = Maintenance(resources)
        self.mentions = Mentions(resources)
        self.oauth_apps = OAuthApps(resources)
        self.permissions = Permissions(resources)
        self.plugin_events = PluginEvents(resources)
        self.plugins = Plugins(resources)
        self.post_events = PostEvents(resources)
        self.post_lists = PostLists(resources)
        self.post_search = PostSearch(resources)
        self.post_store = PostStore(resources)
        self.post_views = PostViews(resources)
        self.posts = Posts(resources)
        self.preferences = Preferences(resources)
        self.plugin_records = PluginRecords(resources)
        self.plugin_settings = PluginSettings(resources)
        self.profile_images = ProfileImages(resources)
        self.property_fields = PropertyFields(resources)
        self.property_groups = PropertyGroups(resources)
        self.property_values = PropertyValues(resources)
        self.pushes = Pushes(resources)
        self.reactions = Reactions(resources)
        self.remotes = Remotes(resources)
        self.roles = Roles(resources)
        self.sessions = Sessions(resources)
        self.shared_channels = SharedChannels(resources)
        self.sidebar = Sidebar(resources)
        self.sizes = Sizes(resources)
        self.slash_commands = SlashCommands(resources)
        self.statuses = Statuses(resources)
        self.support = Support(resources)
        self.team_icons = TeamIcons(resources)
        self.team_members = TeamMembers(resources)
        self.teams = Teams(resources)
        self.threads = Threads(resources)
        self.unreads = Unreads(resources)
        self.uploads = Uploads(resources)
        self.users = Users(resources)
        self.visible_users = VisibleUsers(resources)
        domains = {name: value for name, value in vars(self).items() if isinstance(value, Domain)}
        for domain in domains.values():
            domain.join(domains)


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
async def read_workspace(data_dir: Path, settings: WorkspaceSettings, clock: Clock = now) -> AsyncIterator[Workspace]:
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
        yield Workspace(database, open_blobs(settings, data_dir / FILES_FOLDER), settings, hooks, clock)
    finally:
        await hooks.close()
        await database.close()


def _open_database(data_dir: Path, settings: WorkspaceSettings, *, make: bool) -> Database:
    timeouts = Timeouts(settings.database_connect_timeout, settings.busy_timeout, settings.database_timeout)
    if not settings.database_url:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if make:
            make_private_file(data_dir / DATABASE_FILE)
    pool = Pool(settings.database_pool, settings.database_pooler)
    return Database.open(settings.database_url or f"sqlite:///{data_dir / DATABASE_FILE}", timeouts, pool, make=make)
