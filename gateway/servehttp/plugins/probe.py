"""What is at an address where a plugin should be, by how it greets who speaks HTTP/2 to it."""

from __future__ import annotations

import asyncio
from typing import Final

GREETING: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""A client's preface and its empty settings: what gRPC begins with."""
SHOWN: Final = 40
"""Bytes of an answer that are told."""
SETTINGS: Final = 4
"""The type of the frame that an HTTP/2 server begins with."""
FRAME_HEAD: Final = 9
"""Bytes; the type is the fourth."""


async def look_at(target: str, timeout: float) -> str:
    """What is there, as the end of a sentence; takes no longer than `timeout` seconds.

    Args:
        target: `unix:PATH` or `HOST:PORT`.
        timeout: seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await _connect(target)
    except TimeoutError:
        return f"it takes no connection within {timeout:g} s"
    except OSError as error:
        return f"it takes no connection ({error.strerror or error})"
    try:
        async with asyncio.timeout(timeout):
            writer.write(GREETING)
            return describe(await reader.read(SHOWN))
    except TimeoutError:
        return f"it takes connections, and said nothing within {timeout:g} s"
    except OSError:
        return "it takes connections, and resets them"
    finally:
        writer.transport.abort()


def describe(answer: bytes) -> str:
    """What answers so."""
    if not answer:
        return "it takes connections, and closes them"
    if answer.startswith(b"HTTP/1"):
        return f"it speaks HTTP/1.1, and a plugin speaks gRPC; it said {_shown(answer)}"
    if answer[0] in (0x15, 0x16) and answer[1:2] == b"\x03":
        return "it speaks TLS, and a plugin speaks gRPC in clear"
    if len(answer) >= FRAME_HEAD and answer[3] == SETTINGS:
        return "it speaks HTTP/2, but its gRPC was not ready in time"
    return f"it does not speak gRPC; it said {_shown(answer)}"


async def _connect(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.startswith("unix:"):
        return await asyncio.open_unix_connection(target.removeprefix("unix:"))
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


def _shown(answer: bytes) -> str:
    return repr(answer[:SHOWN])[1:]
