"""What one client, and one request, may take."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
)

from servehttp.settings.kinds import Count, Group, Seconds, SecondsOrZero, Size, lower_ids, split_pairs


class PluginLimits(Group):
    """What of the limits one plugin has for itself; None is what holds for all.

    Attributes:
        max_body_size: largest request body in bytes; 0 is no limit.
        max_exchanges: open requests and WebSockets, in each worker and replica.
        first_byte_timeout: seconds that it has to begin a response.
        idle_timeout: seconds without progress after which a response is cut.
    """

    max_body_size: Annotated[ByteSize, Field(ge=0)] | None = None
    max_exchanges: Count | None = None
    first_byte_timeout: Seconds | None = None
    idle_timeout: Seconds | None = None


def _split_limits(value: object) -> object:
    """From `ID.LIMIT=VALUE`, as the environment has it; elsewhere it is a map of maps already."""
    pairs = split_pairs(value, "ID.LIMIT=VALUE") if isinstance(value, str) else value
    if not isinstance(value, str) or not isinstance(pairs, dict):
        return pairs
    found: dict[str, dict[str, str]] = {}
    for name, text in pairs.items():
        plugin_id, _, limit = name.rpartition(".")
        found.setdefault(plugin_id, {})[limit] = text
    return found


OwnLimits = Annotated[dict[str, PluginLimits], BeforeValidator(_split_limits), AfterValidator(lower_ids)]


class LimitSettings(Group):
    """What one client, and one request, may take."""

    max_body_size: Annotated[ByteSize, Field(ge=0)] = Field(
        default=ByteSize(0),
        description="Largest request body in bytes (413); 0 is no limit, for bodies stream and are never held whole.",
    )
    max_header_bytes: Size = Field(default=ByteSize(64 * 1024), description="Largest request head in bytes (431).")
    max_header_count: Count = Field(default=128, le=8192, description="Most headers in a request (431).")
    max_target_length: Count = Field(
        default=8192, description="Longest request target, path and query, in bytes (414)."
    )
    header_timeout: Seconds = Field(default=10, description="Seconds for a whole request head to arrive (408).")
    body_timeout: Seconds = Field(
        default=60,
        description="Longest pause in seconds between two pieces of a request body that a plugin wants to read (408).",
    )
    body_min_rate: Annotated[ByteSize, Field(ge=0)] = Field(
        default=ByteSize(0),
        description="Bytes a second that a request body which a plugin wants to read has to bring (408); 0 is any.",
    )
    body_grace: SecondsOrZero = Field(
        default=10, description="Seconds that a request body may take beside those that limits.body_min_rate gives it."
    )
    max_connections_per_client: int = Field(
        default=0,
        ge=0,
        description="Connections that one peer address, which may be a proxy's, has with one process (429); 0 is any.",
    )
    keep_alive_timeout: Seconds = Field(default=75, description="Seconds an idle connection is kept open.")
    drain_idle_timeout: SecondsOrZero = Field(
        default=0.5,
        description="Seconds after SIGTERM that an idle connection is kept open, for a request that may be on its way.",
    )
    first_byte_timeout: Seconds = Field(default=60, description="Seconds a plugin has to begin its response (504).")
    idle_timeout: Seconds = Field(
        default=300, description="Seconds without progress in either direction after which a started response is cut."
    )
    max_exchanges: Count = Field(
        default=1024,
        description="Open requests and WebSockets for each plugin, in each worker (503); "
        "connections that come at once are shared evenly.",
    )
    websocket_max_message: Size = Field(
        default=ByteSize(16 * 1024 * 1024), description="Largest WebSocket message in bytes (close code 1009)."
    )
    websocket_held: Size = Field(
        default=ByteSize(64 * 1024 * 1024),
        description="Bytes that a process holds of WebSocket messages that are incomplete or not taken yet; beyond it "
        "the one that brings more is closed with 1013.",
    )
    websocket_held_client: Size = Field(
        default=ByteSize(32 * 1024 * 1024),
        description="The same for the WebSockets of one peer address, which may be a proxy's.",
    )
    websocket_ping_interval: Seconds = Field(default=20, description="Seconds between two pings on a WebSocket.")
    websocket_ping_timeout: Seconds = Field(
        default=20, description="Seconds for a pong to arrive before a WebSocket is closed."
    )
