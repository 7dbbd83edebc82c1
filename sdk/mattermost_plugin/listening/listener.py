"""Takes connections at sockets, with TLS or without, up to a number, and says why some come to nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Protocol, cast

from mattermost_plugin.listening.reports import Reports
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.tcp import tune
from mattermost_plugin.tls import HANDSHAKE_TIMEOUT, describe

MAX_CONNECTIONS = 1024
"""Connections that are open at a time; each gateway process needs three, and so does a foreign host at most."""
ACCEPT_PAUSE = 0.1
"""Seconds until connections are taken again when there was no descriptor left for one."""

logger = get_logger("mattermost_plugin.server")


class Connection(Protocol):
    """What serves a connection; a protocol of asyncio's."""

    async def serve(self) -> None:
        """Serves it; returns when it is no more. Cancelled, it hangs up at once."""
        ...


class Listener:
    """Takes connections until it is closed.

    Args:
        make: makes what serves a connection.
        reports: where it is told what came to nothing.
        tls: what the next connection speaks TLS by; None for none.
        max_connections: how many may be open; further ones are closed at once.
        handshake_timeout: seconds for a peer to agree on TLS.
    """

    def __init__(
        self,
        make: Callable[[], Connection],
        reports: Reports,
        tls: Callable[[], ssl.SSLContext] | None = None,
        *,
        max_connections: int = MAX_CONNECTIONS,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> None:
        self._make = make
        self._reports = reports
        self._tls = tls
        self._max_connections = max_connections
        self._handshake_timeout = handshake_timeout
        self._sockets: list[socket.socket] = []
        self._resuming: asyncio.TimerHandle | None = None
        self._open: set[asyncio.Task[None]] = set()

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Take connections at sockets that listen; they are closed in the end."""
        for listening in sockets:
            listening.setblocking(False)
            self._sockets.append(listening)
        self._resume()

    def stop_accepting(self) -> None:
        """Take no more connections; those that are open go on."""
        self._pause()
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()

    async def close(self) -> None:
        """Take no more connections, and hang up on those that are open."""
        self.stop_accepting()
        await asyncio.sleep(0)  # what was taken in this very turn is begun, and so closed in order
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _resume(self) -> None:
        self._resuming = None
        for listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _pause(self) -> None:
        if self._resuming is not None:
            self._resuming.cancel()
        for listening in self._sockets:
            asyncio.get_running_loop().remove_reader(listening)

    def _accept(self, listening: socket.socket) -> None:
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # who connected has gone
        except OSError as error:  # no descriptor, or no memory, is left
            self._reports.tell(f"a connection could not be taken: {error.strerror or error}")
            self._pause()
            self._resuming = asyncio.get_running_loop().call_later(ACCEPT_PAUSE, self._resume)
            return
        self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        if len(self._open) >= self._max_connections:
            self._reports.tell(f"a connection was closed: {self._max_connections} are open already")
            connection.close()
            return
        connection.setblocking(False)
        # Who began to listen is not who calls: nothing of that context may be in the calls'.
        task = asyncio.get_running_loop().create_task(self._serve(connection), context=Context())
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, connection: socket.socket) -> None:
        served = self._make()
        tune(connection)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: cast(asyncio.BaseProtocol, served),
                connection,
                ssl=self._tls() if self._tls else None,
                ssl_handshake_timeout=self._handshake_timeout if self._tls else None,
            )
        except OSError as error:
            self._reports.tell(f"a client did not get through: {describe(error)}")
            return
        try:
            await served.serve()
        except Exception:  # the border to what is served: others go on
            logger.exception("a connection failed")
