"""Whether a plugin's own processes listen where it says, and not somebody else who took its socket's place."""

from __future__ import annotations

from mattermost_plugin.tunnel.peers import Peer
from servehttp.errors import LinkError


def check_listener(peer: Peer | None, session: int | None, path: str) -> None:
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
