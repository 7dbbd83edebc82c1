"""What leaves a connection, in as few writes as are good."""

from __future__ import annotations

import asyncio
from typing import Final

from mattermost_plugin.tcp import UNBUFFERED

JOINED: Final = 64 * 1024
"""Bytes up to which pieces of output are joined before they are written."""


def write(transport: asyncio.Transport, output: list[bytes]) -> None:
    """Write pieces, in order."""
    if sum(map(len, output)) <= JOINED:
        transport.write(b"".join(output))
    else:
        transport.writelines(output)
        # The asyncio of Python 3.12 before 3.12.9, and of 3.13 before 3.13.2, looks how much it holds only in `write`,
        # and when the limits are set.
        transport.set_write_buffer_limits(high=UNBUFFERED)
