"""The go-plugin handshake: the one line a plugin prints on stdout to say where it listens.

    core version | protocol version | network | address | protocol [| certificate [| multiplexing]]

Plugin and gateway both use this module. The fields after the fifth are read and ignored, so that newer plugins pass.
"""

from __future__ import annotations

from dataclasses import dataclass

CORE_PROTOCOL_VERSION = 1
APP_PROTOCOL_VERSION = 1

MAGIC_COOKIE_KEY = "MATTERMOST_PLUGIN"
MAGIC_COOKIE_VALUE = "Securely message teams, anywhere."
"""Not a secret: it tells a process that a host started it, and not a person by hand."""

HEALTH_SERVICE = "plugin"
"""The name under which go-plugin asks gRPC's health service for the plugin."""


class HandshakeError(ValueError):
    """A line that is not a handshake this project understands; the text says what is wrong with it."""


@dataclass(frozen=True)
class Handshake:
    """Where a plugin listens: `network` is "tcp" with `host:port`, or "unix" with a socket's path."""

    network: str
    address: str

    @property
    def target(self) -> str:
        """The address as gRPC names it."""
        return f"unix:{self.address}" if self.network == "unix" else self.address

    def format(self) -> str:
        """The line, without its newline."""
        return f"{CORE_PROTOCOL_VERSION}|{APP_PROTOCOL_VERSION}|{self.network}|{self.address}|grpc"

    @classmethod
    def parse(cls, line: str) -> Handshake:
        """Read a line that `looks_like_handshake`.

        Raises:
            HandshakeError: too few fields, or a version, network or protocol that is not ours.
        """
        fields = line.strip().split("|")
        if len(fields) < 5:
            raise HandshakeError(
                f"unrecognized format: expected 5 fields or more separated by '|', got {line.strip()!r}"
            )
        core, app, network, address, protocol = fields[:5]
        if core != str(CORE_PROTOCOL_VERSION):
            raise HandshakeError(
                f"incompatible core protocol version {core!r}; this host speaks {CORE_PROTOCOL_VERSION}"
            )
        if app != str(APP_PROTOCOL_VERSION):
            raise HandshakeError(f"incompatible protocol version {app!r}; this host speaks {APP_PROTOCOL_VERSION}")
        if network not in ("tcp", "unix") or not address:
            raise HandshakeError(f"unrecognized address {network}|{address}: expected tcp|HOST:PORT or unix|PATH")
        if protocol != "grpc":
            raise HandshakeError(f"incompatible protocol {protocol!r}; this host speaks grpc")
        return cls(network, address)


def looks_like_handshake(line: str) -> bool:
    """Whether a line of stdout is meant as a handshake; anything else a plugin prints is output."""
    first, separator, _ = line.partition("|")
    return bool(separator) and first.strip().isdigit()
