"""What one end of a connection lets its peer do. Sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass

from mattermost_plugin.http2 import frames

FIRST_WINDOW = 64 * 1024
"""What a peer may send of a stream before anything of it was consumed."""
LARGEST_WINDOW = 256 * 1024
"""The same for a stream that is read fast; docs/architecture.md says why it is no more."""
POOL_SIZE = 16 * 1024 * 1024
"""What all streams of a connection may have in flight beyond their first windows."""
MAX_STREAMS = 16_384
MAX_WAITING = 16_384
MAX_MESSAGE = 4 * 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Limits of one end.

    Attributes:
        first_window: what the peer may send of a stream before anything of it was consumed.
        largest_window: the same for a stream that is read fast.
        pool_size: what all streams together may have in flight beyond their first windows.
        max_streams: calls that the peer may have open at a time (server).
        max_waiting: calls that may wait here for one of those that the peer takes at a time to end (client).
        max_message: a message that arrives.
    """

    first_window: int = FIRST_WINDOW
    largest_window: int = LARGEST_WINDOW
    pool_size: int = POOL_SIZE
    max_streams: int = MAX_STREAMS
    max_waiting: int = MAX_WAITING
    max_message: int = MAX_MESSAGE

    def __post_init__(self) -> None:
        if self.first_window < frames.FIRST_WINDOW:  # which a peer may use before it has read what it is told
            raise ValueError(f"a first window of {self.first_window} bytes, less than HTTP/2's own")
