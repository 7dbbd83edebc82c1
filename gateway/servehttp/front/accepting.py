"""Taking connections from a listening socket that several processes share, one at a time and in turn.

An event loop's own server takes all that wait as soon as it wakes, so that of connections that come at once one process
has nearly all and the others none.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from mattermost_plugin.tls import describe
from servehttp.front.client_connections import ClientConnections

STAND_BACK = 0.001
"""Seconds for which a process whose turn it is not leaves the socket to the others."""
PRESENCE_INTERVAL = 0.1
"""Seconds between two signs of life to the others."""
HANDSHAKES = 1024
"""Connections that may be on their way to a protocol at a time, as during a TLS handshake; others wait to be taken."""
LACK_DELAY = 1.0
"""Seconds until the next attempt when this process can open no more files."""
_LACKS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

logger = structlog.get_logger("servehttp.front")


class Turns(Protocol):
    """What the processes at one socket know of each other."""

    def count(self, connections: int) -> None:
        """So many connections are open here."""

    def be_present(self) -> None:
        """Connections are taken here, as far as is known now."""

    def leave(self) -> None:
        """No connections are taken here."""

    def is_mine(self) -> bool:
        """Whether this process may take the next connection."""


class OpenConnections(set[Any]):
    """uvicorn's set of open connections, which tells when one is gone."""

    removed: Callable[[], None] | None = None

    def discard(self, connection: Any) -> None:
        super().discard(connection)
        self._tell()

    def remove(self, connection: Any) -> None:
        super().remove(connection)
        self._tell()

    def _tell(self) -> None:
        if self.removed is not None:
            self.removed()


class Alone:
    """The turns of a process that has a socket for itself."""

    def count(self, connections: int) -> None:
        pass

    def be_present(self) -> None:
        pass

    def leave(self) -> None:
        pass

    def is_mine(self) -> bool:
        return True


@dataclass(frozen=True)
class Secured:
    """How connections become TLS connections.

    Attributes:
        context: what TLS is agreed on by.
        handshake_timeout: seconds for that.
        shutdown_timeout: seconds that the other end has to say goodbye.
        clients: how many each client may be agreeing on TLS with at a time.
    """

    context: ssl.SSLContext
    handshake_timeout: float
    shutdown_timeout: float
    clients: ClientConnections


class Acceptor:
    """Serves a shared socket, as an `asyncio.Server` does one of its own.

    Args:
        listener: the listening socket; it is the caller's to close.
        turns: what is known of the other processes.
        connections: those open, to which each protocol adds itself, and from which it removes itself.
        make_protocol: makes the protocol of a new connection.
        secured: for TLS; None for plain connections.
    """

    def __init__(
        self,
        listener: socket.socket,
        turns: Turns,
        connections: OpenConnections,
        make_protocol: Callable[[], asyncio.Protocol],
        secured: Secured | None = None,
    ) -> None:
        self.secured = secured
        self._listener = listener
        self._turns = turns
        self._connections = connections
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Protocol] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._resumption: asyncio.TimerHandle | None = None
        self._closed = False
        listener.setblocking(False)
        connections.removed = self._count
        self._count()
        self._keep_present()
        self._resume()

    def close(self) -> None:
        """Take no more connections; those taken stay open. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._presence.cancel()
        if self._resumption is not None:
            self._resumption.cancel()
        self._turns.leave()
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Returns when every connection that was taken has been handed to its protocol, or given up within its TLS
        handshake."""
        if self.secured is not None:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep_present(self) -> None:
        self._turns.be_present()
        self._presence = self._loop.call_later(PRESENCE_INTERVAL, self._keep_present)

    def _count(self) -> None:
        """Those count as well whose protocol has not been told of them yet."""
        self._turns.count(len(self._connections) + len(self._opening - self._connections))

    def _accept(self) -> None:
        if not self._turns.is_mine() or len(self._opening) >= HANDSHAKES:
            self._pause(STAND_BACK)
            return
        try:
            self._open(*self._listener.accept())
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            pass  # another process has it, or its client has gone
        except OSError as error:
            if error.errno not in _LACKS:
                raise
            self._wait_for_files(error)

    def _open(self, connection: socket.socket, client: object) -> None:
        address = client[0] if isinstance(client, tuple) else ""
        if self.secured is not None and not self.secured.clients.enter(address):
            connection.close()  # no answer can be read before TLS is agreed on
            return
        connection.setblocking(False)
        protocol = self._make_protocol()
        self._opening.add(protocol)
        self._count()
        task = self._loop.create_task(self._hand_over(connection, client, protocol))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.secured is not None:
            clients = self.secured.clients
            task.add_done_callback(lambda _: clients.leave(address))

    async def _connect(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        secured = self.secured
        if secured is None:
            await self._loop.connect_accepted_socket(lambda: protocol, connection)
        else:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=secured.context,
                ssl_handshake_timeout=secured.handshake_timeout,
                ssl_shutdown_timeout=secured.shutdown_timeout,
            )

    async def _hand_over(self, connection: socket.socket, client: object, protocol: asyncio.Protocol) -> None:
        try:
            await self._connect(connection, protocol)
        except OSError as error:
            connection.close()
            if self.secured is not None:
                logger.info("a client is not served", reason=describe(error), client=client)
            else:
                logger.warning("a connection cannot be served", error=str(error))
        finally:
            self._opening.discard(protocol)
            self._count()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._resumption = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _wait_for_files(self, error: OSError) -> None:
        """The others take what comes meanwhile."""
        logger.error("connections cannot be accepted", error=error.strerror, seconds=LACK_DELAY)
        self._presence.cancel()
        self._turns.leave()
        self._pause(LACK_DELAY)
        self._presence = self._loop.call_later(LACK_DELAY, self._keep_present)
