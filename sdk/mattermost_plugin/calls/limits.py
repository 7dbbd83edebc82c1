"""What one stream of calls may bring: docs/protocol.md §9.4. Sizes in bytes."""

from __future__ import annotations

from typing import Final

MAX_CALLS: Final = 1024
"""Calls that are open at a time."""
MAX_REQUEST: Final = 64 * 1024
"""Method and body of a request."""
MESSAGE_SIZE: Final = 64 * 1024
"""What a writer joins."""
LEAST_PIECE: Final = 4096
"""What an answer gets of a message at least: the rest of a message may be next to nothing."""
OVERHEAD: Final = 16
"""What an entry of a message is taken to have beside its body."""
MAX_MESSAGE: Final = 256 * 1024
MAX_ENTRIES: Final = 4096
"""Requests and cancelled calls, or responses, in a message."""
MAX_WAITING: Final = 4 * 1024 * 1024
"""Answers that wait to be written, beyond which no further call is begun."""
MAX_TEXT: Final = 1024
"""Characters of a status' text."""
MAX_TIMEOUT: Final = 10.0**9
"""Seconds: what is longer is no limit."""
