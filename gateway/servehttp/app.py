"""The composition root: everything is built and wired here, into one ASGI application."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import structlog

from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.types import ASGIApp, Receive, Scope, Send
from servehttp.errors import GatewayError, ManifestError
from servehttp.figures import Figures
from servehttp.front.application import Front
from servehttp.front.cookies import CookieScopes
from servehttp.front.peers import TrustedProxies
from servehttp.front.settings import ForwardLimits, FrontSettings
from servehttp.identity import Identity, Memories
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.host import PluginHost
from servehttp.plugins.manifest import Manifest, discover, load_manifest
from servehttp.plugins.printed import PrintedByPlugins
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.registry import Registry
from servehttp.plugins.shared_api import SharedApi
from servehttp.plugins.supervision import PluginObservers
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.limits import LimitSettings, PluginLimits
from servehttp.spans import begin_tracing

RUN_BYTES = 4

log = structlog.get_logger("servehttp.plugins")


class Workers(PluginObservers, Memories, Protocol):
    """Other processes that serve HTTP: they connect to the plugins, and remember who asks."""


class Host(PluginHost, Protocol):
    """What plugins are part of, if the gateway has it: open within `async with`, before the plugins start."""

    @property
    def identity(self) -> Identity:
        """Knows who sends requests."""
        ...

    @property
    def figures(self) -> Figures:
        """What it has counted of hooks and API calls."""
        ...

    @property
    def disabled(self) -> frozenset[str]:
        """The ids of the plugins that are not to start, known once it is open."""
        ...

    async def __aenter__(self) -> object: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for the paths of its API."""
        ...

    def plugin_folders(self) -> Sequence[Path]:
        """The folders of the plugins that are installed in it."""
        ...

    def manage(self, registry: Registry, factory: PluginFactory, manifests: Iterable[Manifest]) -> None:
        """Have it manage the plugins; called before it is opened.

        Args:
            registry: all of them.
            factory: makes those that are installed meanwhile.
            manifests: of those that are started.
        """
        ...

    def note(self, manifest: Manifest) -> None:
        """Another version of a plugin that is started is there, with this manifest."""
        ...

    def pass_on(self, front: ASGIApp) -> None:
        """Have plugins' own requests answered by this, as those of clients are; called before it is opened.

        Args:
            front: the gateway.
        """
        ...

    def tell(self, memories: Memories) -> None:
        """Have others forget ended sessions as well; called before it is opened.

        Args:
            memories: theirs.
        """
        ...


class Console(Protocol):
    """What administrators are shown of the gateway, and do to it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for the paths of its own."""
        ...

    def begin_to_stop(self) -> None:
        """End what would go on for ever."""
        ...


class GatewayApp:
    """The gateway as an ASGI application.

    Its lifespan starts the plugins and stops them. Under a server that runs lifespans nothing else is needed; mounted
    in another application, whose lifespan has to include it, it is an asynchronous context manager:
    `async with gateway: …`.

    Attributes:
        registry: the plugins.
        front: what answers requests to plugins.
        settings: what it was made with.
        host: what its plugins are part of, if anything.
        console: what administrators are shown of it; none until it is given one.
        shared: what this process answers itself, as workers reach it; None where there are none, or nothing to share.
        start_error: why its lifespan could not begin; a server only says that it could not.
    """

    def __init__(self, factory: PluginFactory, registry: Registry, front: Front, host: Host | None = None) -> None:
        self._factory = factory
        self.registry = registry
        self.settings = factory.settings
        self.front = front
        self.host = host
        self.console: Console | None = None
        self.shared: SharedApi | None = None
        self.start_error: GatewayError | None = None
        self._starting: asyncio.Task[object] | None = None
        self._opened = asyncio.Event()
        self._closing = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif (own := self._own(scope)) is not None:
            await own(self.front.as_proxies_say(scope), receive, send)
        else:
            await self.front(scope, receive, send)

    async def answer_shared(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for what workers pass on: their fronts have seen that it is for this process."""
        own = self._own(scope)
        if own is None:
            raise RuntimeError("a worker has passed on what is not for the main process")
        await own(scope, receive, send)

    def show(self, console: Console) -> None:
        """Have a console."""
        self.console = console
        self.front.has_console = True

    def _own(self, scope: Scope) -> ASGIApp | None:
        """What answers a request that is for no plugin but for this process."""
        if self.host is not None and self.front.is_api(scope):
            return self.host
        if self.console is not None and self.front.is_console(scope):
            return self.console
        return None

    def share(self, reaper: Reaper) -> None:
        """Offer to workers what this process answers itself; called before it starts.

        Args:
            reaper: clears up should this process be killed.
        """
        self.shared = SharedApi(self.answer_shared, self._factory.tunnel, reaper)

    @property
    def printed(self) -> PrintedByPlugins:
        """What the plugins that were started here have printed last."""
        return self._factory.printed

    async def __aenter__(self) -> Self:
        """Open the workspace and begin to start the plugins; requests are answered with 503 until theirs is up."""
        resting: frozenset[str] = frozenset()
        async with AsyncExitStack() as undo:
            if self.host is not None:
                await undo.enter_async_context(self.host)
                resting = self.host.disabled
            if self.shared is not None:
                undo.push_async_callback(self.shared.stop)
                await self.shared.start()
            self._closing = undo.pop_all()
        self._starting = asyncio.create_task(self.registry.start(but=resting))
        self._opened.set()
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
            await self._closing.__aexit__(kind, error, trace)

    async def renew(self, folder: Path) -> PluginHandle:
        """Replace a plugin by what is in its folder now; it serves until that runs.

        Raises:
            ManifestError: the manifest cannot be used, or has the id of no plugin that is started.
            PluginStartError: the new version did not come up. Nothing has changed.
        """
        manifest = await asyncio.to_thread(load_manifest, folder)
        before = self.registry.get(manifest.id)
        if before is None:
            remedy = "start the gateway anew"
            raise ManifestError(manifest.file, "id", f"{manifest.id} was not there when the gateway started", remedy)
        plugin = self._factory.started(manifest, before.generation + 1)
        await self.registry.replace(plugin)
        if self.host is not None:
            self.host.note(manifest)
        return plugin

    def change(self, settings: GatewaySettings) -> None:
        """Go by other settings from now on, as far as they can change."""
        self.settings = settings
        self._factory.change(settings, self.registry)
        self.front.change(front_settings(settings, self.front.live_run))

    def begin_to_stop(self) -> None:
        """End what would go on for ever, the plugins' outputs that are followed: what else is open drains then."""
        self._factory.printed.end()
        if self.console is not None:
            self.console.begin_to_stop()

    def __iter__(self) -> Iterator[PluginHandle]:
        """What workers connect to: the plugins, and this process itself."""
        yield from self.registry
        if self.shared is not None:
            yield self.shared

    @property
    def started(self) -> bool:
        """Whether every plugin that is to start is up, or has failed its first start."""
        return self._starting is not None and self._starting.done()

    async def wait_open(self) -> None:
        """Waits until its workspace is open, and the plugins have begun to start."""
        await self._opened.wait()

    async def wait_started(self) -> None:
        """Waits until every plugin is up, or has failed its first start."""
        await self.wait_open()
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
    settings: GatewaySettings | None = None,
    manifests: Iterable[Manifest] | None = None,
    refused: Iterable[ManifestError] = (),
    host: Host | None = None,
) -> GatewayApp:
    """Make the gateway.

    Args:
        settings: all settings; without them the defaults.
        manifests: the plugins to start; without them those below `settings.plugins.paths`, and those that are installed
            in the host.
        refused: manifests that cannot be used, to be shown beside the plugins.
        host: what the plugins are part of, such as `servehttp.WorkspaceHost(settings)`; without it they have no API, no
            hooks but those of their life, and nobody is known to send requests.

    Raises:
        ManifestError: one of their manifests is bad.
    """
    settings = settings or GatewaySettings()
    if manifests is None:
        manifests, errors = discover(settings.plugins.paths, host.plugin_folders() if host else ())
        if errors:
            raise errors[0]
    return create_followed_app(settings, manifests, refused, host, workers=None, reaper=Reaper())


def create_followed_app(
    settings: GatewaySettings,
    manifests: Iterable[Manifest],
    refused: Iterable[ManifestError],
    host: Host | None,
    workers: Workers | None,
    reaper: Reaper,
) -> GatewayApp:
    """Make a gateway for which other processes serve HTTP.

    Args:
        settings: all settings.
        manifests: the plugins to start.
        refused: manifests that cannot be used.
        host: what the plugins are part of, if anything.
        workers: those processes.
        reaper: ends the plugins' processes should the gateway be killed; started and stopped with them.
    """
    begin_tracing(settings.tracing)
    factory = PluginFactory(settings, tunnel_settings(settings), reaper, workers, host)
    manifests = list(manifests)
    _warn_of_strangers(settings, manifests)
    registry = Registry.from_settings(factory, manifests, refused)
    if host is not None:
        host.manage(registry, factory, manifests)
        if workers is not None:
            host.tell(workers)
    front = make_front(registry, settings, host.identity if host is not None else None, new_run())
    gateway = GatewayApp(factory, registry, front, host)
    if workers is not None and (host is not None or settings.has_console):
        gateway.share(reaper)
    if host is not None:
        host.pass_on(gateway)
    return gateway


def _warn_of_strangers(settings: GatewaySettings, manifests: Iterable[Manifest]) -> None:
    """Whoever mistypes an id has a plugin that runs as our own user, or in one process."""
    plugins, known = settings.plugins, {manifest.id for manifest in manifests}
    for setting, ids in (("users", plugins.users.keys()), ("replicas", plugins.replicas.keys())):
        if strangers := sorted(ids - known):
            remedy = "correct the ids, unless those plugins are still to be installed"
            log.warning(f"plugins.{setting} names plugins that are not there", ids=strangers, remedy=remedy)


def make_front(
    registry: Registry, settings: GatewaySettings, identity: Identity | None, run: str, *, passes_console: bool = False
) -> Front:
    """The front of these plugins that the settings ask for.

    Args:
        registry: the plugins.
        settings: all settings.
        identity: knows who sends requests, if there is a host, which then has an API as well.
        run: names this run of the gateway, its workers included.
        passes_console: whether what is for the console goes to the process that has it.
    """
    of_front = front_settings(settings, run)
    return Front(registry, of_front, identity, has_api=identity is not None, passes_console=passes_console)


def new_run() -> str:
    """A name for a run of the gateway that no other has."""
    return secrets.token_hex(RUN_BYTES)


def tunnel_settings(settings: GatewaySettings) -> TunnelSettings:
    """Limits of the tunnels to plugins."""
    return TunnelSettings(max_websocket_message=settings.limits.websocket_max_message)


def front_settings(settings: GatewaySettings, run: str) -> FrontSettings:
    """What of the settings is the front's; `run` names this run of the gateway."""
    limits = settings.limits
    return FrontSettings(
        limits=_forward_limits(limits, PluginLimits()),
        max_exchanges=limits.max_exchanges,
        trusted=TrustedProxies(settings.server.forwarded_allow_ips),
        access_log=settings.log.access,
        cookies=CookieScopes(settings.plugins.origin_cookies),
        server_timing=settings.tracing.server_timing,
        live_run=run if settings.plugins.reload else "",
        own_limits={plugin_id: _forward_limits(limits, own) for plugin_id, own in settings.plugins.limits.items()},
        own_max_exchanges={
            plugin_id: own.max_exchanges
            for plugin_id, own in settings.plugins.limits.items()
            if own.max_exchanges is not None
        },
    )


def _forward_limits(limits: LimitSettings, own: PluginLimits) -> ForwardLimits:
    """What one exchange may take, with a plugin that has these of its own."""
    return ForwardLimits(
        limits.first_byte_timeout if own.first_byte_timeout is None else own.first_byte_timeout,
        limits.idle_timeout if own.idle_timeout is None else own.idle_timeout,
        limits.max_body_size if own.max_body_size is None else own.max_body_size,
    )
