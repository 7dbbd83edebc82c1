"""Where a plugin listens: named by the host, by a person, or taken as it comes."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mattermost_plugin.handshake import Handshake
from mattermost_plugin.targets import is_loopback, parse_target
from mattermost_plugin.unix_sockets import BACKLOG, listen_at

ENV_SOCKET_DIR = "PLUGIN_UNIX_SOCKET_DIR"
"""Set by a host that wants the plugin to listen on a unix socket in this folder."""

LOOPBACK = Handshake("tcp", "127.0.0.1:0")

MAX_SOCKET_PATH = 103
"""Bytes; the shortest limit among the systems we run on (macOS; Linux has 107)."""

PROBE_TIMEOUT = 1.0
EVERYWHERE = "::"
"""Every interface, those of IPv4 as well."""
PLAINTEXT = "plaintext:"
"""Before HOST:PORT: other machines may connect without TLS."""


class AddressError(Exception):
    """An address that cannot be listened at; the text says why."""


def host_address(environment: Mapping[str, str] = os.environ) -> Handshake:
    """Where to listen for the host that started this process: its socket folder, or a free loopback port."""
    folder = environment.get(ENV_SOCKET_DIR)
    return Handshake("unix", f"{folder}/{secrets.token_hex(4)}.sock") if folder else LOOPBACK


def parse_address(text: str) -> Handshake:
    """Read `unix:PATH` or `HOST:PORT`.

    Raises:
        AddressError: it is neither.
    """
    try:
        target = parse_target(text)
    except ValueError:
        raise AddressError(f"cannot listen at {text!r}: write unix:PATH or HOST:PORT, as in 127.0.0.1:7000") from None
    return Handshake("unix", os.path.abspath(target.path)) if target.path else Handshake("tcp", text)


def check_encryption(address: Handshake, *, tls: bool, plaintext: bool) -> None:
    """See that other machines can reach an address by TLS only, unless they shall do otherwise.

    Raises:
        AddressError: they could.
    """
    if is_reachable_from_outside(address) and not tls and not plaintext:
        raise AddressError(
            f"cannot listen at {address.address} without TLS: other machines reach it. Give it a certificate"
            f" (--tls-cert, --tls-key, --tls-client-ca), or write {PLAINTEXT}{address.address} to have it so"
        )


def is_reachable_from_outside(address: Handshake) -> bool:
    """Whether other machines may reach it, as far as its name tells."""
    return address.network == "tcp" and not is_loopback(parse_target(address.address).host)


def bind(address: Handshake) -> tuple[Handshake, list[socket.socket]]:
    """Listen; returns the address with the port it got, and what listens. A socket file of nobody's is replaced.

    Raises:
        AddressError: something else listens there, or the system does not allow it.
    """
    if address.network == "unix":
        return address, [_bind_unix(address.address)]
    place = parse_target(address.address)
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        listening = _bind_all(found, place.port)
    except OSError as error:
        raise AddressError(f"cannot listen at {address.address}: {error.strerror or error}") from error
    port = listening[0].getsockname()[1]
    return Handshake("tcp", f"{address.address.rpartition(':')[0]}:{port}"), listening


def release(address: Handshake) -> None:
    """Remove what listening left behind: a socket file."""
    if address.network == "unix":
        Path(address.address).unlink(missing_ok=True)


def _bind_all(found: Iterable[tuple[Any, ...]], port: int) -> list[socket.socket]:
    """Listen at every address that a name has, on one port; one that this machine has no interface for is left out."""
    listening: list[socket.socket] = []
    with contextlib.ExitStack() as undo:
        problem: OSError | None = None
        for family, kind, protocol, _, name in dict.fromkeys(found):
            made = undo.enter_context(socket.socket(family, kind, protocol))
            try:
                _bind(made, (name[0], port, *name[2:]))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                problem = error
                made.close()
            else:
                listening.append(made)
                port = made.getsockname()[1]
        if not listening and problem is not None:
            raise problem
        undo.pop_all()
    return listening


def _bind(listening: socket.socket, name: tuple[Any, ...]) -> None:
    if listening.family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, name[0] != EVERYWHERE)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(name)
    listening.listen(BACKLOG)


def _bind_unix(path: str) -> socket.socket:
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise AddressError(f"cannot listen at {path}: a socket's path has at most {MAX_SOCKET_PATH} bytes")
    if not os.path.isdir(os.path.dirname(path)):
        raise AddressError(f"cannot listen at {path}: its folder does not exist")
    _remove_stale_socket(path)
    try:
        return listen_at(Path(path))
    except OSError as error:
        raise AddressError(f"cannot listen at {path}: {error.strerror or error}") from error


def _remove_stale_socket(path: str) -> None:
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise AddressError(f"cannot listen at {path}: a file of that name exists and is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_TIMEOUT)
        if probe.connect_ex(path) != errno.ECONNREFUSED:
            raise AddressError(f"cannot listen at {path}: another process does")
    os.unlink(path)
