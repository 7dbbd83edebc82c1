"""What can be wrong on a tunnel, and whose fault it is.

`LocalProtocolError` is a bug on this side: a caller asked for what the protocol forbids, and nothing was sent.
`RemoteProtocolError` is the peer's violation. Nothing else is raised by the sans-I/O core.
"""

from __future__ import annotations

from mattermost_plugin.exchange import ResetCode


class TunnelError(Exception):
    """Root of the tunnel's errors."""


class LocalProtocolError(TunnelError):
    """This side tried to break the protocol."""


class RemoteProtocolError(TunnelError):
    """The peer broke the protocol in a way that ends the whole stream."""


class VersionMismatch(RemoteProtocolError):
    """The peer speaks no version that this end speaks."""


class ExchangeViolation(RemoteProtocolError):
    """The peer broke the protocol on one exchange; only that one is reset, with `code`."""

    def __init__(self, code: ResetCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class TunnelClosed(TunnelError):
    """The tunnel ended, or is ending, and takes no new exchange."""
