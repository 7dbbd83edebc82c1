"""gRPC's server options, as far as they mean something here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mattermost_plugin.http2.limits import MAX_STREAMS, Limits
from mattermost_plugin.loggers import get_logger

RECEIVED = "grpc.max_receive_message_length"
SENT = "grpc.max_send_message_length"
STREAMS = "grpc.max_concurrent_streams"
KNOWN = frozenset((RECEIVED, SENT, STREAMS))

UNLIMITED = 2**31 - 1

logger = get_logger("mattermost_plugin.server")


@dataclass(frozen=True)
class ServerOptions:
    """What a plugin's server keeps to.

    Attributes:
        received: bytes of a message that a client may send.
        sent: bytes of one that it may be sent; negative for any number.
        streams: calls that a connection may have open.
    """

    received: int
    sent: int
    streams: int

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> ServerOptions:
        """What these options say, the sizes among them; of those that mean nothing here the log tells it."""
        for name in options.keys() - KNOWN:
            logger.warning("the server option %s has no effect: plugins are not served by gRPC's library", name)
        received = int(options[RECEIVED])
        streams = int(options.get(STREAMS, MAX_STREAMS))
        return cls(received if received >= 0 else UNLIMITED, int(options[SENT]), streams)

    def limits(self) -> Limits:
        """The limits of a connection."""
        return Limits(max_message=self.received, max_streams=self.streams)
