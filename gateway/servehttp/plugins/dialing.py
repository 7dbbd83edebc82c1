"""How the gateway connects to a plugin: where, by what TLS, and whose processes may listen there."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field

from mattermost_plugin.http2.channel import ClientChannel
from mattermost_plugin.http2.connecting import connect as open_channel
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.message_sizes import LARGEST_MESSAGE_SIZE
from mattermost_plugin.tls import TLSError, TLSFiles, client_context, describe
from mattermost_plugin.tunnel.direct import DirectMessageStream, connect
from mattermost_plugin.tunnel.peers import peer_of
from servehttp.errors import LinkError
from servehttp.plugins.listeners import check_listener
from servehttp.plugins.probe import NotHttp2, greet
from servehttp.settings.plugins import PluginSettings
from servehttp.settings.targets import read_target

LIMITS = Limits(max_message=LARGEST_MESSAGE_SIZE)
"""A plugin may write its response as one message, as gRPC let it."""


@dataclass(frozen=True)
class GatewayTLS:
    """What the gateway speaks TLS by, to one plugin.

    Attributes:
        files: its certificate, and the CAs that it knows plugins by.
        name: the plugin's in its certificate; empty for the host in its target.
    """

    files: TLSFiles = field(default_factory=TLSFiles)
    name: str = ""

    @classmethod
    def of(cls, settings: PluginSettings, plugin_id: str) -> GatewayTLS:
        """What the settings say."""
        cert, key, ca = (str(path or "") for path in (settings.tls_cert, settings.tls_key, settings.tls_ca))
        remote = settings.remote.get(plugin_id)
        name = settings.tls_names.get(plugin_id.lower(), "") or (remote.certified if remote is not None else "")
        return cls(TLSFiles(cert, key, ca), name)


class Dialing:
    """The way to one plugin.

    Args:
        target: `unix:PATH`, `HOST:PORT`, `tls:HOST:PORT` or `plaintext:HOST:PORT`.
        tls: what TLS is spoken by.
        session: the number of the session whose processes alone may listen at a unix socket; None for any.
        keepalive: seconds without a sign of life of another machine after which a connection to it is lost; None for
            long.

    Attributes:
        target: as it was told.
        address: without what is said of TLS, as gRPC names it.
        tls: speaks TLS; None for none.
        files: of which that was made.
        name: the plugin's in its certificate.

    Raises:
        LinkError: the target is none of these, another machine's without TLS, or a file for TLS cannot be used.
    """

    def __init__(
        self,
        target: str,
        tls: GatewayTLS | None = None,
        session: int | None = None,
        keepalive: float | None = None,
    ) -> None:
        told = tls or GatewayTLS()
        self.target = target
        self.files = told.files
        self.tls: ssl.SSLContext | None = None
        self._session = session
        try:
            found = read_target(target)
            if found.tls:
                self.tls = client_context(told.files)
        except (ValueError, TLSError) as error:
            raise LinkError(str(error)) from None
        self._place = found.place
        self._keepalive = None if found.place.is_local else keepalive
        self.address = found.place.text
        self.name = (told.name or found.place.host) if found.tls else None

    async def check(self, timeout: float) -> None:
        """Accept who listens; where nobody does, that is left to who connects next.

        Args:
            timeout: seconds for TLS to be agreed on, and for an answer by it.

        Raises:
            LinkError: who listens is of another session, or does not speak HTTP/2 by TLS where it should.
        """
        if self.tls is not None:
            await self._check_tls(timeout)
        elif self._place.path and self._session is not None:
            await self._check_socket(self._place.path, self._session)

    async def call(self, method: str, timeout: float) -> DirectMessageStream:
        """Call a method on a connection of its own.

        Raises:
            LinkError: nobody takes the connection, or who listens is of another session.
        """
        try:
            async with asyncio.timeout(timeout):
                stream = await connect(
                    self.address, method, tls=self.tls, server_name=self.name, keepalive=self._keepalive
                )
        except TimeoutError:
            raise LinkError(f"nobody took a connection at {self.target} within {timeout:g} s") from None
        except OSError as error:
            why = describe(error) if self.tls else error.strerror or str(error)
            raise LinkError(f"no connection to {self.target}: {why}") from None
        try:
            check_listener(stream.peer, self._session, self._place.path)
        except LinkError:
            stream.drop()
            raise
        return stream

    async def channel(self, timeout: float) -> ClientChannel:
        """A connection for calls.

        Args:
            timeout: seconds for it.

        Raises:
            CannotConnect: nobody is there who speaks HTTP/2.
            LinkError: who listens there is of another session.
        """
        channel = await open_channel(
            self.address,
            LIMITS,
            timeout=timeout,
            tls=self.tls,
            server_name=self.name,
            keepalive=self._keepalive,
        )
        try:
            connection = channel.peer
            check_listener(None if connection is None else peer_of(connection), self._session, self._place.path)
        except LinkError:
            await channel.close()
            raise
        return channel

    async def _check_tls(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await greet(self.address, self.tls, self.name)
        except TimeoutError:
            raise LinkError(
                f"no plugin answered at {self.target} within {timeout:g} s: TLS was not agreed on"
            ) from None
        except OSError as error:
            raise LinkError(f"no plugin answers at {self.target}: {describe(error)}") from None
        except NotHttp2 as error:
            raise LinkError(f"no plugin answers at {self.target}: {error}") from None

    async def _check_socket(self, path: str, session: int) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(connection, path)
            except OSError:
                return
            check_listener(peer_of(connection), session, path)
