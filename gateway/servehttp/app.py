"""The composition root: everything is built and wired here, into one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import structlog

from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.types import Receive, Scope, Send
from servehttp.errors import GatewayError, ManifestError
from servehttp.front.application import Front, FrontSettings
from servehttp.front.cookies import CookieScopes
from servehttp.front.http import ForwardLimits
from servehttp.front.peers import TrustedProxies
from servehttp.identity import Identity, Memories
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.installed import find_plugins
from servehttp.plugins.manifest import Manifest
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.registry import PluginHandle, Registry
from servehttp.plugins.supervisor import PluginObservers
from servehttp.settings import Settings

if TYPE_CHECKING:  # the database's libraries take long to import
    from servehttp.workspace.embedding.host import Host
    from servehttp.workspace.embedding.workspace_reader import WorkspaceReader


log = structlog.get_logger("servehttp.plugins")


class Workers(PluginObservers, Memories, Protocol):
    """Other processes that serve HTTP: they connect to the plugins, and remember who asks."""


class GatewayApp:
    """The gateway as an ASGI application.

    Its lifespan starts the plugins and stops them. Under a server that runs lifespans nothing else is needed; mounted
    in another application, whose lifespan has to include it, it is an asynchronous context manager:
    `async with gateway: …`.

    Attributes:
        registry: the plugins.
        front: what answers requests to plugins.
        settings: what it was made with.
        host: the workspace, if there is one.
        start_error: why its lifespan could not begin; a server only says that it could not.
    """

    def __init__(self, registry: Registry, front: Front, settings: Settings, host: Host | None = None) -> None:
        self.registry = registry
        self.settings = settings
        self.front = front
        self.host = host
        self.start_error: GatewayError | None = None
        self._starting: asyncio.Task[object] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self.host is not None and self.front.is_api(scope):
            await self.host(self.front.as_proxies_say(scope), receive, send)
        else:
            await self.front(scope, receive, send)

    async def __aenter__(self) -> Self:
        """Open the workspace and begin to start the plugins; requests are answered with 503 until theirs is up."""
        resting: frozenset[str] = frozenset()
        if self.host is not None:
            await self.host.__aenter__()
            resting = self.host.disabled
        self._starting = asyncio.create_task(self.registry.start(but=resting))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every plugin: drain, OnDeactivate, SIGTERM, SIGKILL, each with its time; then close the workspace."""
        try:
            await self.registry.stop()
        finally:
            if self._starting is not None:
                self._starting.cancel()
                await asyncio.gather(self._starting, return_exceptions=True)
            if self.host is not None:
                await self.host.__aexit__(kind, error, trace)

    def __iter__(self) -> Iterator[PluginHandle]:
        """What workers connect to: the plugins, and the workspace's API."""
        yield from self.registry
        if self.host is not None and self.host.shared is not None:
            yield self.host.shared

    @property
    def started(self) -> bool:
        """Whether every plugin that is to start is up, or has failed its first start."""
        return self._starting is not None and self._starting.done()

    async def wait_started(self) -> None:
        """Waits until every plugin is up, or has failed its first start."""
        if self._starting is not None:
            await asyncio.shield(self._starting)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.__aenter__()
        except GatewayError as error:
            self.start_error = error
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        try:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            await self.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})


def create_app(
    settings: Settings | None = None,
    manifests: Iterable[Manifest] | None = None,
    refused: Iterable[ManifestError] = (),
) -> GatewayApp:
    """Make the gateway.

    Args:
        settings: all settings; without them the defaults.
        manifests: the plugins to start; without them those below `settings.plugins.paths`, and those installed.
        refused: manifests that cannot be used, to be shown beside the plugins.

    Raises:
        ManifestError: one of their manifests is bad.
    """
    settings = settings or Settings()
    if manifests is None:
        manifests, errors = find_plugins(settings)
        if errors:
            raise errors[0]
    return create_followed_app(settings, manifests, refused, workers=None, reaper=Reaper())


def create_followed_app(
    settings: Settings,
    manifests: Iterable[Manifest],
    refused: Iterable[ManifestError],
    workers: Workers | None,
    reaper: Reaper,
) -> GatewayApp:
    """Make a gateway for which other processes serve HTTP.

    Args:
        settings: all settings.
        manifests: the plugins to start.
        refused: manifests that cannot be used.
        workers: those processes.
        reaper: ends the plugins' processes should the gateway be killed; started and stopped with them.
    """
    host = make_host(settings)
    factory = PluginFactory(settings, tunnel_settings(settings), reaper, workers, host)
    manifests = list(manifests)
    _warn_of_strangers(settings, manifests)
    registry = Registry.from_settings(factory, manifests, refused)
    if host is not None:
        host.manage(registry, factory, manifests)
        if workers is not None:
            host.share(factory.tunnel, reaper, workers)
    front = make_front(registry, settings, host.identity if host is not None else None)
    return GatewayApp(registry, front, settings, host)


def _warn_of_strangers(settings: Settings, manifests: Iterable[Manifest]) -> None:
    """Whoever mistypes an id in `plugins.users` has a plugin that runs as our own user."""
    if strangers := sorted(settings.plugins.users.keys() - {manifest.id for manifest in manifests}):
        remedy = "correct the ids, unless those plugins are still to be installed"
        log.warning("plugins.users names plugins that are not there", ids=strangers, remedy=remedy)


def make_host(settings: Settings) -> Host | None:
    """The workspace that the settings ask for, not open yet."""
    if not settings.workspace.enabled:
        return None
    from servehttp.workspace.embedding.host import Host

    return Host(settings)


def make_workspace_reader(settings: Settings) -> WorkspaceReader | None:
    """What knows in a worker who sends requests, if there is a workspace."""
    if not settings.workspace.enabled:
        return None
    from servehttp.workspace.embedding.workspace_reader import WorkspaceReader

    return WorkspaceReader(settings)


def make_front(registry: Registry, settings: Settings, identity: Identity | None = None) -> Front:
    """The front of these plugins that the settings ask for; `identity` knows who sends requests."""
    return Front(registry, _front_settings(settings), identity, has_api=settings.workspace.enabled)


def tunnel_settings(settings: Settings) -> TunnelSettings:
    """Limits of the tunnels to plugins."""
    return TunnelSettings(max_websocket_message=settings.limits.websocket_max_message)


def _front_settings(settings: Settings) -> FrontSettings:
    limits = settings.limits
    return FrontSettings(
        limits=ForwardLimits(limits.first_byte_timeout, limits.idle_timeout, limits.max_body_size),
        max_exchanges=limits.max_exchanges,
        trusted=TrustedProxies(settings.server.forwarded_allow_ips),
        access_log=settings.log.access,
        cookies=CookieScopes(settings.plugins.origin_cookies),
    )
