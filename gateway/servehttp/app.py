"""The composition root: everything is built and wired here, into one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.types import Receive, Scope, Send
from servehttp.front.application import Front, FrontSettings
from servehttp.front.http import ForwardLimits
from servehttp.front.peers import TrustedProxies
from servehttp.plugins.manifest import Manifest, discover
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.registry import Registry
from servehttp.plugins.supervisor import Followers
from servehttp.settings import Settings


class GatewayApp:
    """The gateway as an ASGI application.

    Its lifespan starts the plugins and stops them. Under a server that runs lifespans nothing else is needed; mounted
    in another application, whose lifespan has to include it, it is an asynchronous context manager:
    `async with gateway: …`.

    Attributes:
        registry: the plugins.
        front: what answers requests.
        settings: what it was made with.
    """

    def __init__(self, registry: Registry, front: Front, settings: Settings) -> None:
        self.registry = registry
        self.settings = settings
        self.front = front
        self._starting: asyncio.Task[object] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self.front(scope, receive, send)

    async def __aenter__(self) -> Self:
        """Begin to start the plugins; requests are answered with 503 until theirs is up."""
        self._starting = asyncio.create_task(self.registry.start())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every plugin: drain, OnDeactivate, SIGTERM, SIGKILL, each with its time."""
        try:
            await self.registry.stop()
        finally:
            if self._starting is not None:
                self._starting.cancel()
                await asyncio.gather(self._starting, return_exceptions=True)

    async def wait_started(self) -> None:
        """Waits until every plugin is up, or has failed its first start."""
        if self._starting is not None:
            await asyncio.shield(self._starting)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(settings: Settings | None = None, manifests: Iterable[Manifest] | None = None) -> GatewayApp:
    """Make the gateway.

    Args:
        settings: all settings; without them the defaults.
        manifests: the plugins to start; without them those below `settings.plugins.paths`.

    Raises:
        ManifestError: a manifest below `settings.plugins.paths` is bad.
    """
    settings = settings or Settings()
    if manifests is None:
        manifests, errors = discover(settings.plugins.paths)
        if errors:
            raise errors[0]
    return create_followed_app(settings, manifests, followers=None, reaper=Reaper())


def create_followed_app(
    settings: Settings, manifests: Iterable[Manifest], followers: Followers | None, reaper: Reaper
) -> GatewayApp:
    """Make a gateway whose plugins other processes connect to as well.

    Args:
        settings: all settings.
        manifests: the plugins to start.
        followers: those processes.
        reaper: ends the plugins' processes should the gateway be killed; started and stopped with them.
    """
    registry = Registry.from_settings(
        settings, manifests, tunnel=tunnel_settings(settings), reaper=reaper, followers=followers
    )
    return GatewayApp(registry, make_front(registry, settings), settings)


def make_front(registry: Registry, settings: Settings) -> Front:
    """The front of these plugins that the settings ask for."""
    return Front(registry, _front_settings(settings))


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
    )
