"""How a channel comes about."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final

from mattermost_plugin.http2.channel import ClientChannel
from mattermost_plugin.http2.client import ClientConnection
from mattermost_plugin.http2.errors import HTTP2Error
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.tcp import tune

ALPN: Final = "h2"
UNIX: Final = "unix:"


class CannotConnect(HTTP2Error):
    """Nobody who speaks HTTP/2 answered."""


async def connect(
    target: str,
    limits: Limits | None = None,
    *,
    timeout: float,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    keepalive: float | None = None,
) -> ClientChannel:
    """A channel to a server that has shown that it speaks HTTP/2.

    Args:
        target: where it listens: `unix:/path` or `host:port`.
        limits: what it may do.
        timeout: seconds for all of it.
        tls: how the connection is secured, if it is; ALPN is chosen here.
        server_name: whom the server's certificate is for, where that is not the host.
        keepalive: seconds without a sign of life of another machine after which the connection is lost; None for long.

    Raises:
        CannotConnect: nobody does.
    """
    connection = ClientConnection(limits or Limits(), "https" if tls else "http", _authority(target, server_name))
    connection.start()
    channel = ClientChannel(connection)
    try:
        async with asyncio.timeout(timeout):
            await _open(channel, target, tls, server_name, keepalive)
            if not await asyncio.shield(channel.settled):
                raise CannotConnect(await channel.closed)
    except BaseException as error:
        reason = error
    else:
        return channel
    await channel.close()
    if isinstance(reason, TimeoutError):
        raise CannotConnect(f"nobody answered at {target} within {timeout:g} s") from None
    if isinstance(reason, OSError):
        raise CannotConnect(f"nobody answered at {target}: {reason}") from None
    raise reason


async def _open(
    channel: ClientChannel, target: str, tls: ssl.SSLContext | None, server_name: str | None, keepalive: float | None
) -> None:
    loop = asyncio.get_running_loop()
    protocol: Any = channel  # which it is by its shape, and a class is asked for
    if tls is not None:
        tls.set_alpn_protocols([ALPN])
    if target.startswith(UNIX):
        name = (server_name or "localhost") if tls else None
        transport, _ = await loop.create_unix_connection(
            lambda: protocol, target.removeprefix(UNIX).removeprefix("//"), ssl=tls, server_hostname=name
        )
    else:
        host, port = split_target(target)
        name = server_name if tls else None
        transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=tls, server_hostname=name)
    tune(transport.get_extra_info("socket"), keepalive)
    secured = transport.get_extra_info("ssl_object")
    if secured is not None and secured.selected_alpn_protocol() != ALPN:
        transport.abort()
        raise CannotConnect(f"{target} does not speak HTTP/2 over TLS")


def split_target(target: str) -> tuple[str, int]:
    """Host and port.

    Raises:
        CannotConnect: it is none.
    """
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit():
        raise CannotConnect(f"{target} is no host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _authority(target: str, server_name: str | None) -> str:
    if target.startswith(UNIX):
        return server_name or "localhost"
    return target if server_name is None else f"{server_name}:{split_target(target)[1]}"
