"""Whether a plugin's own processes listen where it says, and not somebody else who took its socket's place."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from mattermost_plugin.http2.channel import ClientChannel
from mattermost_plugin.http2.connecting import connect as open_channel
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.message_sizes import LARGEST_MESSAGE_SIZE
from mattermost_plugin.tunnel.direct import DirectMessageStream, connect
from mattermost_plugin.tunnel.peers import Peer, peer_of
from servehttp.errors import LinkError

LIMITS = Limits(max_message=LARGEST_MESSAGE_SIZE)
"""A plugin may write its response as one message, as gRPC let it."""


def check_listener(peer: Peer | None, session: int | None, path: Path) -> None:
    """Accept who listens at a socket.

    Args:
        peer: who does; None where that cannot be told.
        session: the number of the session that it has to be of; None for any.
        path: the socket.

    Raises:
        LinkError: it is of another one.
    """
    if peer is not None and session is not None and not peer.is_of(session):
        raise LinkError(f"{path} is listened at by process {peer.pid} of user {peer.uid}, which is not the plugin's")


async def check_socket(target: str, session: int | None) -> None:
    """Accept who listens at a target, as gRPC names it; where nobody does, that is left to who connects next.

    Raises:
        LinkError: who listens there is of another session.
    """
    if session is None or not target.startswith("unix:"):
        return
    path = Path(target.removeprefix("unix:"))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, str(path))
        except OSError:
            return
        check_listener(peer_of(connection), session, path)


async def dial(target: str, timeout: float, session: int | None) -> ClientChannel:
    """A connection for calls.

    Args:
        target: where the plugin listens, as gRPC names it.
        timeout: seconds for it.
        session: the number of the session that may listen there; None for any.

    Raises:
        CannotConnect: nobody is there who speaks HTTP/2.
        LinkError: who listens there is of another session.
    """
    channel = await open_channel(target, LIMITS, timeout=timeout)
    try:
        connection = channel.peer
        check_listener(None if connection is None else peer_of(connection), session, Path(target))
    except LinkError:
        await channel.close()
        raise
    return channel


async def connect_beside(path: Path | None, method: str, session: int | None) -> DirectMessageStream | None:
    """Call a method at a socket beside a plugin's own; None where the plugin has none that answers.

    Args:
        path: the socket; None where there is no place for one.
        method: what is called, as gRPC's path names it.
        session: the number of the session that may listen there; None for any.

    Raises:
        LinkError: who listens there is of another session.
    """
    if path is None:
        return None
    try:
        stream = await connect(path, method)
    except OSError:
        return None
    try:
        check_listener(stream.peer, session, path)
    except LinkError:
        stream.drop()
        raise
    return stream
