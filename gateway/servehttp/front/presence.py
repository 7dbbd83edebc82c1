"""Which clients are still there, when nothing is read from them.

A client that sends no more (FIN) may still wait for its answer, and on TCP the FIN of one that has gone looks the same.
What tells them apart:

| | how it is seen |
|---|---|
| it was reset, or a write failed | POLLERR or POLLHUP |
| a unix socket that was closed, not only shut down for writing | POLLHUP |
| a TCP connection that was closed in order | the kernel answers whatever is written to it with a reset |

So where nothing is due to be written soon, a connection writes a probe: bytes that HTTP/1.1 lets every client ignore.
HTTP/1.0 has none; there, what the plugin sends next is the probe.
"""

from __future__ import annotations

import asyncio
import enum
import select
from collections.abc import Iterable
from typing import Final

PROBE_AFTER: Final = 0.3
"""Seconds after a FIN before a client is probed: most answers come sooner, and are probe enough."""

INTERIM: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""The probe before the response: a client that awaits none discards it (RFC 9110 §15.2.1)."""

LEADING_ZERO: Final = b"0"
"""The probe between two chunks: the size of the next one may have leading zeros (RFC 9112 §7.1)."""


class Presence(enum.Enum):
    """What the system knows of a client."""

    FINISHED = enum.auto()
    """It sends no more, and may still read."""
    GONE = enum.auto()


def absences(transports: Iterable[asyncio.Transport]) -> dict[asyncio.Transport, Presence]:
    """Those of `transports` whose client has finished, or has gone. Where there is no POLLRDHUP (it is Linux's), a
    client that finished while reading is paused is not among them."""
    numbers = {transport.get_extra_info("socket").fileno(): transport for transport in transports}
    if not numbers:
        return {}
    finished = getattr(select, "POLLRDHUP", 0)
    poll = select.poll()
    for number in numbers:
        poll.register(number, finished)
    return {
        numbers[number]: Presence.GONE if events & ~finished else Presence.FINISHED for number, events in poll.poll(0)
    }
