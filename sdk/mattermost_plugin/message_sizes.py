"""How large gRPC messages between a host and a plugin may be; both ends use this module."""

from __future__ import annotations

ENV_MESSAGE_SIZE = "MATTERMOST_PLUGIN_MESSAGE_SIZE"
ENV_WEBSOCKET_MESSAGE_SIZE = "MATTERMOST_PLUGIN_WEBSOCKET_MESSAGE_SIZE"
"""Variables by which a host tells a plugin its limits, in bytes; the reference has neither."""

ENVELOPE = 1024 * 1024
"""Bytes that a message may have beside the one large thing in it."""
DEFAULT_MESSAGE_SIZE = 100 * 1024 * 1024 + ENVELOPE
LARGEST_MESSAGE_SIZE = 2**31 - 1
"""What gRPC can be told."""


def message_limits(size: int) -> dict[str, int]:
    """The gRPC options that allow messages of so many bytes."""
    return {"grpc.max_send_message_length": size, "grpc.max_receive_message_length": size}
