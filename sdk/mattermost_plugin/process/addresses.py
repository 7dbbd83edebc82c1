"""Where a plugin listens: named by the host, by a person, or taken as it comes."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

import grpc

from mattermost_plugin.handshake import Handshake, calls_socket, tunnel_socket
from mattermost_plugin.unix_sockets import owner_only, unlink_socket

ENV_SOCKET_DIR = "PLUGIN_UNIX_SOCKET_DIR"
"""Set by a host that wants the plugin to listen on a unix socket in this folder."""

LOOPBACK = Handshake("tcp", "127.0.0.1:0")

MAX_SOCKET_PATH = 103
"""Bytes; the shortest limit among the systems we run on (macOS; Linux has 107)."""

PROBE_TIMEOUT = 1.0


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
    network, _, path = text.partition(":")
    if network == "unix" and path:
        return Handshake("unix", os.path.abspath(path))
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise AddressError(f"cannot listen at {text!r}: write unix:PATH or HOST:PORT, as in 127.0.0.1:7000")
    return Handshake("tcp", text)


def is_reachable_from_outside(address: Handshake) -> bool:
    """Whether other machines may reach it, as far as its name tells."""
    host = _split(address)[0]
    return address.network == "tcp" and host != "localhost" and host != "::1" and not host.startswith("127.")


def bind(server: grpc.aio.Server, address: Handshake) -> Handshake:
    """Let a server listen; returns the address with the port it got. A socket file that nobody listens at is replaced.

    Raises:
        AddressError: something else listens there, or the system does not allow it.
    """
    if address.network == "unix":
        return _bind_unix(server, address)
    _check_port(address)
    try:
        port = server.add_insecure_port(address.address)
    except RuntimeError as error:
        raise AddressError(f"cannot listen at {address.address}: {error}") from error
    return Handshake("tcp", f"{address.address.rpartition(':')[0]}:{port}")


def release(address: Handshake) -> None:
    """Remove what listening left behind: socket files."""
    if address.network == "unix":
        Path(address.address).unlink(missing_ok=True)
    for beside in (tunnel_socket(address.target), calls_socket(address.target)):
        if beside is not None:
            unlink_socket(beside)


def _bind_unix(server: grpc.aio.Server, address: Handshake) -> Handshake:
    path = address.address
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise AddressError(f"cannot listen at {path}: a socket's path has at most {MAX_SOCKET_PATH} bytes")
    if not os.path.isdir(os.path.dirname(path)):
        raise AddressError(f"cannot listen at {path}: its folder does not exist")
    _remove_stale_socket(path)
    try:
        with owner_only():
            server.add_insecure_port(address.target)
    except RuntimeError as error:
        raise AddressError(f"cannot listen at {path}: may this user write in its folder?") from error
    return address


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


def _check_port(address: Handshake) -> None:
    """gRPC says nothing but that it failed; the system says why."""
    host, port = _split(address)
    try:
        family, kind, protocol, _, name = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(name)
    except OSError as error:
        raise AddressError(f"cannot listen at {address.address}: {error.strerror}") from error


def _split(address: Handshake) -> tuple[str, str]:
    host, _, port = address.address.rpartition(":")
    return host.strip("[]"), port
