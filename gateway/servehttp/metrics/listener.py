"""The listener that Prometheus asks: one path, apart from all that clients reach."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, cast

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from mattermost_plugin.targets import parse_target
from servehttp.figures import Counter, Figures
from servehttp.listening import base_url, listen_tcp
from servehttp.metrics.families import families
from servehttp.metrics.foreign import Gathered
from servehttp.metrics.gathering import Gathering, merged
from servehttp.metrics.processes import leaders, usages
from servehttp.plugins.handle import PluginHandle
from servehttp.settings.server import MetricsSettings

log = structlog.get_logger("servehttp.metrics")

PATH = "/metrics"
BACKLOG = 16
CONNECTIONS = 32
"""Open at once; for one more that is closed which has had no answer for longest. There are few who ask."""
KEEP_ALIVE = 75
"""Seconds for which a connection is kept without a further answer, be it that nothing is asked or nothing is read."""

Gather = Callable[[Iterable[Metric]], Awaitable[Sequence[Metric]]]


class Counting(Protocol):
    """A host that counts hooks and API calls."""

    @property
    def figures(self) -> Figures: ...


class _Server(uvicorn.Server):
    """One that leaves signals to the gateway."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # as uvicorn has it
        yield


class _Connection(H11Protocol):
    """One of a few, none of which is kept for nothing."""

    _end: asyncio.TimerHandle
    _answered: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._begin_wait()
        if len(self.connections) > CONNECTIONS:
            longest = min(cast("set[_Connection]", self.connections), key=lambda connection: connection._answered)
            longest.transport.abort()
            self.connections.discard(longest)  # the next one may come before it is lost

    def on_response_complete(self) -> None:
        self._end.cancel()
        self._begin_wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)

    def _begin_wait(self) -> None:
        self._answered = self.loop.time()
        self._end = self.loop.call_later(KEEP_ALIVE, self.transport.abort)


def metrics_app(gather: Gather) -> Starlette:
    """Answers `/metrics`, as OpenMetrics or in Prometheus' own format, as is asked for.

    Args:
        gather: makes the families anew for each request; it is given those of this process, for they are among them.
    """
    of_process = CollectorRegistry(auto_describe=False)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=of_process)

    async def answer(request: Request) -> Response:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Gathered(await gather(of_process.collect())))
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        text = await asyncio.to_thread(encode, registry)  # plugins may have thousands of series
        return Response(text, headers={"content-type": content_type})

    return Starlette(routes=[Route(PATH, answer)])


@asynccontextmanager
async def telling(
    settings: MetricsSettings, registry: Iterable[PluginHandle], counter: Counter, host: Counting | None
) -> AsyncIterator[None]:
    """Answer meanwhile whoever asks at an address.

    Args:
        settings: the address, and what plugins may tell.
        registry: the plugins.
        counter: knows the figures of requests.
        host: counts hooks and API calls, where there is one.

    Raises:
        ListenError: the address cannot be used.
    """

    of_plugins = Gathering(registry, settings)

    async def gather(of_process: Iterable[Metric]) -> Sequence[Metric]:
        of_host = host.figures if host is not None else Figures()
        # In a thread, for all processes of the machine are looked at.
        looking = asyncio.to_thread(usages, {plugin.id: leaders(plugin) for plugin in registry})
        used, counts, told = await asyncio.gather(looking, counter.counts(), of_plugins.gather())
        return merged(families(counts, registry, used, of_host), of_process, told)

    assert settings.listen is not None, "it is asked for only with an address"
    target = parse_target(settings.listen)
    listener = listen_tcp(target.host, target.port, "--metrics", "--metrics")
    log.info("figures are told", url=f"{base_url(listener)}{PATH}")
    try:
        async with _answering(listener, gather):
            yield
    finally:
        await of_plugins.close()


@asynccontextmanager
async def _answering(listener: socket.socket, gather: Gather) -> AsyncIterator[None]:
    config = uvicorn.Config(
        metrics_app(gather),
        access_log=False,
        log_config=None,
        lifespan="off",
        ws="none",
        http=_Connection,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=0,
        server_header=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        listener.close()
