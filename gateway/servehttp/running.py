"""The gateway as a process of its own: listens, serves until a signal, and tells how its start goes.

SIGTERM or SIGINT stops in order: no new connections, open exchanges drain, plugins stop. A second SIGINT does not wait
for the exchanges. What other signals ask, `signals` knows. With several workers it is they who serve, and this process
supervises them and the plugins.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mattermost_plugin.process.heap import tune_malloc
from servehttp import logs
from servehttp.aio import first_completed, meanwhile
from servehttp.app import GatewayApp, Host, create_app, create_followed_app
from servehttp.client_tls import check_tls
from servehttp.errors import GatewayError, ManifestError
from servehttp.figures import Counter
from servehttp.front.server import Server, make_server
from servehttp.listening import activated, base_url, listen
from servehttp.plugins.manifest import Manifest
from servehttp.plugins.reaper import Reaper
from servehttp.progress import report_start, report_stop
from servehttp.requests_seen import Witness
from servehttp.rereading import reread
from servehttp.service_manager import ServiceManager
from servehttp.settings.gateway import GatewaySettings
from servehttp.signals import heeding_signals, outlast_signals, stopping_signals
from servehttp.workers.notifier import WorkerNotifier
from servehttp.workers.pool import WorkerPool

SERVING = "serving"
"""What a service manager is told of the status once all has started."""
SERVER_LOGGER = "uvicorn.error"
"""The one that uvicorn itself logs to, errors or not."""


def run(
    settings: GatewaySettings,
    manifests: Sequence[Manifest],
    refused: Sequence[ManifestError],
    host: Host | None,
    read: Callable[[], GatewaySettings],
) -> None:
    """Serve until a signal says to stop.

    Args:
        settings: all settings.
        manifests: the plugins to start.
        refused: manifests that cannot be used.
        host: what the plugins are part of, if anything.
        read: reads the settings again, from where they came.

    Raises:
        SettingsError: a file for TLS cannot be used.
        ListenError: the address cannot be used.
        GatewayError: the HTTP server, or a worker, did not start.
    """
    outlast_signals()
    if settings.server.fd is None and (activated_fd := activated(os.environ)) is not None:
        settings, read = _serving(settings, activated_fd), functools.partial(_read_serving, read, activated_fd)
    watched = [manifest.folder for manifest in manifests] if settings.plugins.reload else []
    manager = ServiceManager.of(os.environ)
    check_tls(settings.server)
    with listen(settings.server) as listener:
        if settings.server.workers == 1:
            gateway = create_app(settings, manifests, refused, host)
            _run_alone(Run(gateway, listener, watched, read, manager))
        else:
            notifier, reaper = WorkerNotifier(), Reaper()
            gateway = create_followed_app(settings, manifests, refused, host, notifier, reaper)
            pool = WorkerPool(settings, gateway, notifier, listener, reaper, has_host=gateway.host is not None)
            asyncio.run(_run_with_workers(Run(gateway, listener, watched, read, manager), pool))


def _serving(settings: GatewaySettings, fd: int) -> GatewaySettings:
    """The settings, with the socket of this descriptor in the place of their own address."""
    return settings.model_copy(update={"server": settings.server.model_copy(update={"fd": fd})})


def _read_serving(read: Callable[[], GatewaySettings], fd: int) -> GatewaySettings:
    return _serving(read(), fd)


@dataclass(frozen=True)
class Run:
    """What all ways to run have in common.

    Attributes:
        gateway: what runs.
        listener: where it is served.
        watched: folders of plugins that are replaced when a file in them changes.
        read: reads the settings again.
        manager: is told how it is.
    """

    gateway: GatewayApp
    listener: socket.socket
    watched: Sequence[Path]
    read: Callable[[], GatewaySettings]
    manager: ServiceManager

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it, without a slash at its end."""
        server = self.gateway.settings.server
        return base_url(self.listener, "http" if server.ssl_certfile is None else "https") + server.root_path

    def begin_to_stop(self, number: int) -> None:
        """A signal tells it to."""
        report_stop(number, settings=self.gateway.settings)
        self.manager.stopping()
        self.gateway.begin_to_stop()

    async def reread(self, serving: Serving) -> None:
        """Have it go by the settings that are written now, and what serves HTTP for it as well."""

        def change(settings: GatewaySettings) -> None:
            logs.configure(settings.log)
            self.gateway.change(settings)
            serving.change(settings)

        with self.manager.reloading(SERVING):
            await reread(self.gateway.settings, self.read, change)


class Serving(Counter, Witness, Protocol):
    """What serves HTTP for a gateway: a server, or workers."""

    def change(self, settings: GatewaySettings) -> None:
        """Go by other settings from now on, as far as they can change."""
        ...

    def dump(self) -> None:
        """Log what it does."""
        ...


def _run_alone(run: Run) -> None:
    gateway = run.gateway
    server = make_server(gateway, gateway.settings, gateway.front, told=run.begin_to_stop)
    # The server repeats the signal that ended it for whoever handled it before; there it shall end nothing.
    for number in stopping_signals():
        signal.signal(number, server.handle_exit)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(_serve(run, server))


async def _serve(run: Run, server: Server) -> None:
    tune_malloc()
    gc.freeze()  # what is there by now stays, so the collector need not look at it again and again
    async with _accompanied(run, server, run.gateway.wait_open):
        try:
            with _told_once(run.gateway):
                await server.serve(sockets=[run.listener])
        except SystemExit as error:
            problem = GatewayError("the HTTP server did not start; the log says why")
            raise run.gateway.start_error or problem from error


@contextlib.contextmanager
def _told_once(gateway: GatewayApp) -> Iterator[None]:
    """Have the server not log why the gateway could not start: whoever called it tells that, in one line."""

    def is_another(record: logging.LogRecord) -> bool:
        return gateway.start_error is None

    log = logging.getLogger(SERVER_LOGGER)
    log.addFilter(is_another)
    try:
        yield
    finally:
        log.removeFilter(is_another)


async def _run_with_workers(run: Run, pool: WorkerPool) -> None:
    told = _catch_signals(run.begin_to_stop, hurry=pool.kill)
    async with run.gateway, _accompanied(run, pool, pool.wait_serving):
        try:
            await first_completed(pool.run(), told.wait())
        finally:
            run.listener.close()  # here and, told to stop, in the workers: nobody may connect any more
            await pool.stop()


@contextlib.asynccontextmanager
async def _accompanied(run: Run, serving: Serving, wait_serving: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Heed signals meanwhile, and have everybody told how it goes."""
    async with (
        meanwhile(run.manager.watch()),
        heeding_signals(functools.partial(run.reread, serving), serving.dump),
        meanwhile(_report(run, wait_serving)),
        _reloading(run.gateway, run.watched),
        _telling(run.gateway, serving),
        _showing(run, serving),
    ):
        yield


def _catch_signals(report: Callable[[int], None], hurry: Callable[[], None]) -> asyncio.Event:
    """What is set by the first signal, which is reported; a second SIGINT calls `hurry`."""
    told = asyncio.Event()

    def tell(number: signal.Signals) -> None:
        if told.is_set() and number is signal.SIGINT:
            hurry()
        elif not told.is_set():
            report(number)
        told.set()

    for number in stopping_signals():
        asyncio.get_running_loop().add_signal_handler(number, tell, number)
    return told


async def _report(run: Run, serving: Callable[[], Awaitable[None]]) -> None:
    """Tell how the start goes, and when it is over."""
    gateway = run.gateway
    url = run.url
    run.manager.status("starting the plugins")
    await report_start(
        gateway.registry, url, gateway.settings.log.format, serving=serving, started=lambda: gateway.started
    )
    run.manager.ready(SERVING)


@contextlib.asynccontextmanager
async def _reloading(gateway: GatewayApp, watched: Sequence[Path]) -> AsyncIterator[None]:
    """Replace meanwhile plugins in these folders whose files change."""
    if not watched:
        yield
        return

    from servehttp.reloading import reload_changed  # here, because its library is only needed for that

    async with meanwhile(reload_changed(gateway, watched)):
        yield


@contextlib.asynccontextmanager
async def _telling(gateway: GatewayApp, counter: Counter) -> AsyncIterator[None]:
    """Tell Prometheus meanwhile what was counted, if that is wanted.

    Raises:
        ListenError: the address for it cannot be used.
    """
    if gateway.settings.metrics.listen is None:
        yield
        return

    from servehttp.metrics.listener import telling  # here, because its libraries are only needed for that

    async with telling(gateway.settings.metrics, gateway.registry, counter, gateway.host):
        yield


@contextlib.asynccontextmanager
async def _showing(run: Run, serving: Serving) -> AsyncIterator[None]:
    """Have meanwhile the console, where it is wanted."""
    if not run.gateway.settings.has_console:
        yield
        return

    from servehttp.console import Console  # here, because only that needs it

    async with Console(run.gateway, serving, run.url).serving():
        yield
