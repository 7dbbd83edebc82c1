"""A worker's process, started by the main process: serves HTTP from the shared socket, by connections of its own to the
plugins. SIGTERM ends it in order; the end of the main process ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import signal
import socket
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog

from mattermost_plugin.process.heap import tune_malloc
from mattermost_plugin.process.stop_signals import stop_signals
from servehttp import logs
from servehttp.aio import first_completed, meanwhile
from servehttp.app import front_settings, make_front, tunnel_settings
from servehttp.front.server import make_server
from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.dialing import GatewayTLS
from servehttp.plugins.host import API_ID
from servehttp.plugins.link import Link
from servehttp.settings.plugins import PluginSettings
from servehttp.spans import begin_tracing
from servehttp.workers.channel import LINE_LIMIT, Channel
from servehttp.workers.messages import (
    Change,
    Count,
    Counted,
    Dump,
    Forget,
    Forgotten,
    Gone,
    Hello,
    Introduced,
    Look,
    Message,
    MessageError,
    Report,
    Seen,
    Serving,
    Setup,
    decode,
)
from servehttp.workers.mirror import MirroredPlugin, MirrorPolicy
from servehttp.workers.mirrors import Mirrors
from servehttp.workers.shares import Share
from servehttp.workspace.embedding.choice import make_reader
from servehttp.workspace.settings import Settings

if TYPE_CHECKING:  # its libraries need not be there
    from servehttp.workspace.embedding.workspace_reader import WorkspaceReader

RECONNECTION_WINDOW = 60.0
"""Seconds for which the loss of a connection makes the next wait longer."""

log = structlog.get_logger("servehttp.workers")


class Worker:
    """The gateway without supervision.

    Args:
        settings: those of the gateway.
        share: its place among the workers.
        reader: knows who sends requests, where the main process does.
        run: names this run of the gateway.
    """

    def __init__(self, settings: Settings, share: Share, reader: WorkspaceReader | None, run: str) -> None:
        begin_tracing(settings.tracing)
        self._settings = settings.plugins
        self._tunnel = tunnel_settings(settings)
        self._policy = mirror_policy(settings.plugins)
        self._plugins = Mirrors(self._make)
        self._introduced = asyncio.Event()
        self._reader = reader
        identity = self._reader.identity if self._reader else None
        passes = settings.has_console
        self._front = front = make_front(self._plugins.registry, settings, identity, run, passes_console=passes)
        self._server = make_server(front, settings, front, lifespan="off", turns=share)
        self._channel: Channel | None = None

    def run(self, connection: socket.socket, listener: socket.socket) -> None:
        """Serve until a signal, or the end of the main process.

        Args:
            connection: the channel to the main process.
            listener: where connections come from.
        """
        # The server repeats the signal that ended it for whoever handled it before; there it shall end nothing.
        for number in stop_signals():
            signal.signal(number, self._server.handle_exit)
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(self._run(connection, listener))

    async def _run(self, connection: socket.socket, listener: socket.socket) -> None:
        self._channel = channel = await Channel.over(connection)
        self._send(Hello())
        async with self._reader or contextlib.nullcontext():
            try:
                await first_completed(self._serve(listener), self._listen(channel))
            finally:
                await self._plugins.stop()
                await channel.close()

    async def _serve(self, listener: socket.socket) -> None:
        # First the plugins: until they are connected to, other workers can serve what would be refused here.
        await self._introduced.wait()
        await self._plugins.start()
        tune_malloc()
        gc.freeze()  # what is there by now stays, so the collector need not look at it again and again
        async with meanwhile(self._announce()):
            await self._server.serve(sockets=[listener])

    async def _announce(self) -> None:
        await self._server.accepting.wait()
        self._send(Serving())

    async def _listen(self, channel: Channel) -> None:
        """Hear the main process until it ends."""
        while (message := await channel.receive()) is not None:
            if isinstance(message, Report):
                self._plugins.tell(message)
            elif isinstance(message, Gone):
                self._plugins.forget(message)
            elif isinstance(message, Introduced):
                self._introduced.set()
            elif isinstance(message, Forget):
                self._forget(message)
            elif isinstance(message, Count):
                self._count(message)
            elif isinstance(message, Change):
                self._change(Settings(**message.settings))
            elif isinstance(message, Dump):
                self._server.dump()
            elif isinstance(message, Look):
                self._look(message)

    def _make(self, plugin_id: str, number: int | None, generation: int) -> MirroredPlugin:
        transport = "tunnel" if plugin_id == API_ID else self._settings.transport
        tls = GatewayTLS.of(self._settings, plugin_id)
        connect = functools.partial(
            Link.connect, transport=transport, tunnel=self._tunnel, tls=tls, keepalive=self._settings.keepalive
        )
        return MirroredPlugin(plugin_id, connect, self._policy, self._send, number, generation)

    def _forget(self, message: Forget) -> None:
        if self._reader is not None:
            self._reader.identity.forget(message.user_id)
        self._send(Forgotten(message.number))

    def _count(self, message: Count) -> None:
        counted, present = self._server.counted(), self._server.present()
        self._send(Counted(message.number, counted.to_json(), present.to_json()))

    def _change(self, settings: Settings) -> None:
        logs.configure(settings.log)
        self._settings = settings.plugins
        self._policy = mirror_policy(settings.plugins)
        self._plugins.change(self._policy)
        self._front.change(front_settings(settings, self._front.live_run))
        self._server.change(settings)

    def _look(self, message: Look) -> None:
        seen = self._server.seen(message.most)
        opened, slowest = [asdict(each) for each in seen.open], [asdict(each) for each in seen.slowest]
        self._send(Seen(message.number, opened, slowest))

    def _send(self, message: Message) -> None:
        assert self._channel is not None
        self._channel.send(message)


def mirror_policy(settings: PluginSettings) -> MirrorPolicy:
    """The policy that the settings ask for."""
    return MirrorPolicy(
        connect_timeout=settings.connect_timeout,
        drain_timeout=settings.drain_timeout,
        restart=RestartPolicy(
            first_delay=settings.restart_delay,
            longest_delay=settings.restart_delay_max,
            limit=None,
            window=RECONNECTION_WINDOW,
        ),
    )


def receive_setup(connection: socket.socket) -> tuple[Setup, socket.socket, Share]:
    """What the main process says first, the listening socket that comes with it, and this worker's place.

    Raises:
        MessageError: it ended before, or says something else.
    """
    line, files, *_ = socket.recv_fds(connection, LINE_LIMIT, 2)
    while not line.endswith(b"\n"):
        piece = connection.recv(LINE_LIMIT)
        if not piece:
            raise MessageError("the main process has ended")
        line += piece
    setup = decode(line)
    if not isinstance(setup, Setup) or len(files) != 2:
        raise MessageError(f"the main process began with {line!r:.200}")
    listener, shares = files
    share = Share(shares, setup.place)
    os.close(shares)
    return setup, socket.socket(fileno=listener), share


def main() -> None:
    """The entry point."""
    try:
        connection = socket.socket(fileno=sys.stdin.fileno())
        setup, listener, share = receive_setup(connection)
    except (OSError, MessageError) as error:
        sys.exit(f"error: this is for `servehttp serve --workers` to start: {error}")
    settings = Settings(**setup.settings)
    logs.configure(settings.log)
    structlog.contextvars.bind_contextvars(worker=os.getpid())
    try:
        reader = make_reader(settings) if setup.has_host else None
        Worker(settings, share, reader, setup.run).run(connection, listener)
    except Exception:  # nobody is above: the main process sees the exit code
        log.exception("worker failed")
        sys.exit(1)


if __name__ == "__main__":
    main()
