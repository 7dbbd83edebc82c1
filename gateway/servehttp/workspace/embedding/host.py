"""The workspace as a part of the gateway: opened before the plugins start and closed after they have stopped.

It is what plugins are part of, a `PluginHost`: each process gets an endpoint of the API that nobody else has, so that
who calls is known by where the call came in, and hooks go to the plugins that are connected to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from mattermost_plugin.message_sizes import ENVELOPE, LARGEST_MESSAGE_SIZE
from mattermost_plugin.types import ASGIApp, Receive, Scope, Send
from servehttp.figures import Figures
from servehttp.identity import Memories
from servehttp.plugins.bundles import BundleLimits
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.installed import FOLDER as PLUGINS_FOLDER
from servehttp.plugins.installed import InstalledPlugins
from servehttp.plugins.link import Link
from servehttp.plugins.manifest import Manifest
from servehttp.plugins.registry import Registry
from servehttp.plugins.replica_hooks import ReplicaHooks
from servehttp.workspace.embedding.cleanup import cleaning_up
from servehttp.workspace.embedding.cluster import Cluster, postgresql_bus
from servehttp.workspace.embedding.first_start import make_first_admin
from servehttp.workspace.embedding.management import Management
from servehttp.workspace.embedding.memories import forget_everywhere
from servehttp.workspace.embedding.opening import explaining
from servehttp.workspace.embedding.own_requests import answering
from servehttp.workspace.embedding.remote_api import open_remote_api
from servehttp.workspace.embedding.session_identity import SessionIdentity
from servehttp.workspace.embedding.watch import watching
from servehttp.workspace.rest import make_rest
from servehttp.workspace.rpc.server import Endpoint
from servehttp.workspace.settings import DATABASE_FILE, TOKEN_FILE, Settings
from servehttp.workspace.store.data_folder import make_private, only_gateway
from servehttp.workspace.workspace import FILES_FOLDER, Workspace, open_workspace

PRIVATE = (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm", FILES_FOLDER, PLUGINS_FOLDER, TOKEN_FILE)
"""In the data folder: what only our user may read, also where another program made it."""


class WorkspaceHost:
    """The embedded workspace of a gateway, open within `async with`.

    Args:
        settings: all settings.

    Attributes:
        identity: knows whom tokens stand for.
        disabled: the ids of the plugins that are not to start, as it was when the workspace was opened.
    """

    def __init__(self, settings: Settings) -> None:
        self.identity = SessionIdentity(lambda: self.workspace, settings.workspace.session_cache)
        self.disabled: frozenset[str] = frozenset()
        self._memories: Memories | None = None
        self._settings = settings
        self._installed = InstalledPlugins.below(settings.data_dir)
        self._manage: Callable[[Workspace], Management] | None = None
        self._management: Management | None = None
        self._workspace: Workspace | None = None
        self._rest: ASGIApp | None = None
        self._front: ASGIApp | None = None
        self._closing = AsyncExitStack()

    @property
    def workspace(self) -> Workspace:
        """The workspace.

        Raises:
            RuntimeError: it is not open.
        """
        if self._workspace is None:
            raise RuntimeError("the workspace is not open")
        return self._workspace

    @property
    def figures(self) -> Figures:
        """What was counted of hooks and API calls since it was opened."""
        return self._workspace.figures if self._workspace is not None else Figures()

    @property
    def message_size(self) -> int:
        """The largest message in bytes to and from plugins: whatever may be sent in one has room in it."""
        settings = self._settings
        largest = max(settings.workspace.api_message_size, settings.workspace.max_file_size, settings.rest.bundle_size)
        return min(int(largest) + ENVELOPE, LARGEST_MESSAGE_SIZE)

    def plugin_folders(self) -> list[Path]:
        """The folders of the plugins that were installed in it.

        Raises:
            WorkspaceError: the data folder cannot be read.
        """
        with explaining(self._settings):
            return self._installed.folders()

    def manage(self, registry: Registry, factory: PluginFactory, manifests: Iterable[Manifest]) -> None:
        """Have the workspace manage the gateway's plugins; to be called before it is opened.

        Args:
            registry: all of them.
            factory: makes those that are installed meanwhile.
            manifests: of those that are started.
        """
        known = list(manifests)
        installed, limits = self._installed, self._settings.limits
        settings = self._settings.workspace
        bundles = BundleLimits(int(settings.bundle_unpacked_size), settings.bundle_files)
        self._manage = lambda workspace: Management(workspace, registry, factory, known, installed, limits, bundles)

    def note(self, manifest: Manifest) -> None:
        """Another version of a plugin that is started is there, with this manifest."""
        if self._management is not None:
            self._management.note(manifest)

    def pass_on(self, front: ASGIApp) -> None:
        """Have plugins' own requests answered by this, as those of clients are.

        Args:
            front: the gateway.
        """
        self._front = front

    def tell(self, memories: Memories) -> None:
        """Have others forget ended sessions as well; to be called before it is opened.

        Args:
            memories: theirs.
        """
        self._memories = memories

    async def __aenter__(self) -> Self:
        """Open the database, bring its tables up to date, and on the very first start make an administrator.

        Raises:
            WorkspaceError: that is not possible.
        """
        with explaining(self._settings):
            async with AsyncExitStack() as undo:
                await self._open(undo)
                self._closing = undo.pop_all()
        return self

    async def _open(self, undo: AsyncExitStack) -> None:
        settings = self._settings
        make_private(settings.data_dir, *PRIVATE, passable=bool(settings.plugins.users))
        undo.enter_context(only_gateway(settings.data_dir))
        opening = open_workspace(settings.data_dir, settings.workspace)
        self._workspace = workspace = await undo.enter_async_context(opening)
        await make_first_admin(workspace, settings)
        workspace.sessions.listen(self.identity.forget)
        if self._memories is not None:
            workspace.sessions.listen(partial(forget_everywhere, self._memories, settings.workspace.forget_timeout))
        self._rest = make_rest(workspace, settings.rest, lines=settings.log.access)
        await self._begin_to_manage(workspace, undo)
        if workspace.database.dialect == "postgresql":
            cluster = Cluster(workspace, postgresql_bus(settings), self._management)
            undo.push_async_callback(cluster.close)
            await cluster.open()
        self.disabled = await workspace.plugin_records.disabled()
        if settings.workspace.api_listen is not None:
            undo.push_async_callback(open_remote_api(workspace, settings, self.message_size).close)
        await undo.enter_async_context(cleaning_up(workspace, settings.workspace.cleanup_interval))
        await undo.enter_async_context(watching(workspace, settings.workspace.database_check_interval))

    async def _begin_to_manage(self, workspace: Workspace, undo: AsyncExitStack) -> None:
        if self._manage is None:
            return
        await asyncio.to_thread(self._installed.clean_up)
        management = self._management = self._manage(workspace)
        undo.push_async_callback(management.close)
        workspace.plugins.manager = management

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget what waits for plugins, and hang up the database."""
        await self._closing.aclose()
        self._workspace = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for paths that begin with /api/v4/."""
        if self._rest is None:
            raise RuntimeError("the workspace is not open")
        await self._rest(scope, receive, send)

    async def open_endpoint(self, plugin_id: str, replica: int | None, folder: Path) -> Endpoint:
        """The API for one process of a plugin, by the way across that the settings say."""
        settings, size = self._settings.workspace, self.message_size
        if settings.api_transport == "tcp" or plugin_id in settings.api_tcp:
            return await Endpoint.on_loopback(self.workspace, plugin_id, size, replica)
        serve = answering(plugin_id, self._front) if self._front is not None else None
        return await Endpoint.on_socket(self.workspace, plugin_id, folder, size, replica, serve)

    def connected(self, plugin_id: str, link: Link | ReplicaHooks) -> None:
        """Fire hooks in a plugin."""
        self.workspace.hooks.register(plugin_id, link)

    async def disconnected(self, plugin_id: str) -> None:
        """Fire none in it, and offer its slash commands no more."""
        self.workspace.commands.unregister_all(plugin_id)
        await self.workspace.hooks.unregister(plugin_id)
