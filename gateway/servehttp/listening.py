"""The socket the gateway listens on, opened before any plugin starts so that an address in use is told at once."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from servehttp.errors import ListenError
from servehttp.settings.server import ServerSettings

BACKLOG = 2048
"""Connections that may wait to be accepted."""

FIRST_ACTIVATED = 3
"""The descriptor that follows the standard ones: of the sockets that systemd hands over, the first."""

_PROBLEMS = {
    errno.EADDRINUSE: "it is in use; stop the other process, or choose another port with {port}",
    errno.EACCES: "permission denied; ports below 1024 need privileges, so choose another with {port}",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose another with {host}",
}


@contextlib.contextmanager
def listen(settings: ServerSettings) -> Iterator[socket.socket]:
    """Listen where the settings say; on leaving, the socket is closed and a unix socket's file is gone.

    A unix socket's file that nobody listens on any more is replaced. Its permissions follow the umask.

    Where a socket that listens already was handed over, `server.fd` names it.

    Raises:
        ListenError: the address cannot be used.
    """
    if settings.fd is not None:
        with _take(settings.fd) as listener:
            yield listener
        return
    if settings.uds is None:
        with listen_tcp(settings.host, settings.port) as listener:
            yield listener
        return
    with _listen_unix(settings.uds) as listener:
        try:
            yield listener
        finally:
            settings.uds.unlink(missing_ok=True)


def base_url(listener: socket.socket, scheme: str = "http") -> str:
    """Where a browser on this machine finds what listens there; `unix:PATH` for a unix socket."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def listen_tcp(host: str, port: int, host_option: str = "--host", port_option: str = "--port") -> socket.socket:
    """Listen on an address.

    Args:
        host: a name or address.
        port: 0 takes a free one.
        host_option: how another host is chosen, for who has to.
        port_option: how another port is.

    Raises:
        ListenError: the address cannot be used.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(where[:2], family=family, backlog=BACKLOG)
        # Asyncio turns Nagle's algorithm off only where a socket names TCP as its protocol, and this does not yet.
        return socket.socket(fileno=listener.detach())
    except socket.gaierror as error:
        raise ListenError(address, f"the name is not known ({error.strerror}); correct {host_option}") from error
    except OSError as error:
        problem = _PROBLEMS.get(error.errno or 0, str(error.strerror))
        raise ListenError(address, problem.format(host=host_option, port=port_option)) from error


def activated(environment: MutableMapping[str, str]) -> int | None:
    """The socket that systemd has handed over, if it has (sd_listen_fds(3)); the variables that say so are taken out.

    Raises:
        ListenError: it has handed over several.
    """
    process, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count.isdecimal() or int(count) == 0:
        return None
    if int(count) > 1:
        raise ListenError(f"{count} sockets", "one is served: have a single ListenStream= in the .socket unit")
    return FIRST_ACTIVATED


def _take(number: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=number)
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ListenError(f"file descriptor {number}", f"it is no socket ({error.strerror})") from error
    if listener.type != socket.SOCK_STREAM or not listens:
        listener.close()
        raise ListenError(f"file descriptor {number}", "it is a socket that does not listen for connections")
    listener.set_inheritable(False)
    return listener


def _listen_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        _remove_stale(path)
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ListenError(str(path), f"{error.strerror or error}; choose another path with --uds") from error
    except ListenError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ListenError(str(path), "there is a file that is not a socket; choose another path with --uds")
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise ListenError(str(path), "it is in use; stop the other process, or choose another path with --uds")
    path.unlink()
