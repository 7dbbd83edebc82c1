"""Limits of one end of a tunnel."""

from __future__ import annotations

from dataclasses import dataclass

from mattermost_plugin.tunnel.connection import MAX_EXCHANGES, MESSAGE_SIZE
from mattermost_plugin.tunnel.windows import FIRST_WINDOW, LARGEST_WINDOW, POOL_SIZE

HIGH_WATER = 64 * 1024
"""Bytes of one exchange that may wait to be written before `send` waits too."""

MAX_WEBSOCKET_MESSAGE = 16 * 1024 * 1024
"""The largest WebSocket message put together from pieces, in bytes."""

LINGER = 5.0
"""Seconds that the plugin's tasks may go on after the stream ended, before they are cancelled."""

ORPHAN_TIMEOUT = 10.0
"""Seconds that a plugin's task may wait without sending anything, once the client of its response has gone."""


@dataclass(frozen=True)
class TunnelSettings:
    """Limits of one end of a tunnel; sizes in bytes, times in seconds."""

    first_window: int = FIRST_WINDOW
    largest_window: int = LARGEST_WINDOW
    pool_size: int = POOL_SIZE
    max_exchanges: int = MAX_EXCHANGES
    message_size: int = MESSAGE_SIZE
    high_water: int = HIGH_WATER
    max_websocket_message: int = MAX_WEBSOCKET_MESSAGE
    linger: float = LINGER
    orphan_timeout: float = ORPHAN_TIMEOUT
