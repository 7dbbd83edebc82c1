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
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from mattermost_plugin.process.heap import tune_malloc
from servehttp import logs
from servehttp.aio import first_completed, meanwhile
from servehttp.app import GatewayApp, Host, create_app, create_followed_app
from servehttp.errors import GatewayError, ManifestError
from servehttp.figures import Counter
from servehttp.front.server import Server, make_server
from servehttp.listening import base_url, listen
from servehttp.plugins.manifest import Manifest
from servehttp.plugins.reaper import Reaper
from servehttp.progress import report_start, report_stop
from servehttp.rereading import SettingsReader
from servehttp.settings.gateway import GatewaySettings
from servehttp.signals import heeding_signals, outlast_signals, stopping_signals
from servehttp.tasks import log_tasks
from servehttp.workers.notifier import WorkerNotifier
from servehttp.workers.pool import WorkerPool

SettingsT = TypeVar("SettingsT", bound=GatewaySettings)

SERVER_LOGGER = "uvicorn.error"
"""The one that uvicorn itself logs to, errors or not."""


def run(
    settings: SettingsT,
    manifests: Sequence[Manifest],
    refused: Sequence[ManifestError],
    host: Host | None,
    read: Callable[[], SettingsT],
) -> None:
    """Serve until a signal says to stop.

    Args:
        settings: all settings.
        manifests: the plugins to start.
        refused: manifests that cannot be used.
        host: what the plugins are part of, if anything.
        read: reads the settings again, from where they came.

    Raises:
        ListenError: the address cannot be used.
        GatewayError: the HTTP server, or a worker, did not start.
    """
    outlast_signals()
    watched = [manifest.folder for manifest in manifests] if settings.plugins.reload else []
    with listen(settings.server) as listener:
        if settings.server.workers == 1:
            gateway = create_app(settings, manifests, refused, host)
            server = make_server(gateway, settings, gateway.front, told=functools.partial(_begin_to_stop, gateway))
            reader = SettingsReader(settings, read, functools.partial(_change, gateway, server))
            _run_alone(gateway, server, reader, listener, watched)
        else:
            notifier, reaper = WorkerNotifier(), Reaper()
            gateway = create_followed_app(settings, manifests, refused, host, notifier, reaper)
            pool = WorkerPool(settings, gateway, notifier, listener, reaper, has_host=gateway.host is not None)
            reader = SettingsReader(settings, read, functools.partial(_change, gateway, pool))
            asyncio.run(_run_with_workers(gateway, pool, reader, listener, watched))


def _change(gateway: GatewayApp, serving: Server | WorkerPool, settings: GatewaySettings) -> None:
    logs.configure(settings.log)
    gateway.change(settings)
    serving.change(settings)


def _run_alone(
    gateway: GatewayApp,
    server: Server,
    reader: SettingsReader[SettingsT],
    listener: socket.socket,
    watched: Sequence[Path],
) -> None:
    # The server repeats the signal that ended it for whoever handled it before; there it shall end nothing.
    for number in stopping_signals():
        signal.signal(number, server.handle_exit)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(_serve(server, gateway, reader, listener, watched))


async def _serve(
    server: Server,
    gateway: GatewayApp,
    reader: SettingsReader[SettingsT],
    listener: socket.socket,
    watched: Sequence[Path],
) -> None:
    tune_malloc()
    gc.freeze()  # what is there by now stays, so the collector need not look at it again and again
    async with (
        heeding_signals(reader.reread, server.dump),
        _reporting(gateway, listener),
        _reloading(gateway, watched),
        _telling(gateway, server),
    ):
        try:
            with _told_once(gateway):
                await server.serve(sockets=[listener])
        except SystemExit as error:
            raise gateway.start_error or GatewayError("the HTTP server did not start; the log says why") from error


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


async def _run_with_workers(
    gateway: GatewayApp,
    pool: WorkerPool,
    reader: SettingsReader[SettingsT],
    listener: socket.socket,
    watched: Sequence[Path],
) -> None:
    told = _catch_signals(functools.partial(_begin_to_stop, gateway), hurry=pool.kill)
    async with (
        heeding_signals(reader.reread, functools.partial(_dump, pool)),
        gateway,
        _reporting(gateway, listener, pool.wait_serving),
        _reloading(gateway, watched),
        _telling(gateway, pool.figures),
    ):
        try:
            await first_completed(pool.run(), told.wait())
        finally:
            listener.close()  # here and, told to stop, in the workers: nobody may connect any more
            await pool.stop()


def _dump(pool: WorkerPool) -> None:
    log_tasks()
    pool.dump()


def _begin_to_stop(gateway: GatewayApp, number: int) -> None:
    report_stop(number, settings=gateway.settings)
    gateway.begin_to_stop()


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


@contextlib.asynccontextmanager
async def _reporting(
    gateway: GatewayApp, listener: socket.socket, serving: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """Tell meanwhile how the start goes."""
    url = base_url(listener) + gateway.settings.server.root_path
    report = report_start(
        gateway.registry, url, gateway.settings.log.format, serving=serving, started=lambda: gateway.started
    )
    async with meanwhile(report):
        yield


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

    async with telling(gateway.settings.metrics.listen, gateway.registry, counter, gateway.host):
        yield
