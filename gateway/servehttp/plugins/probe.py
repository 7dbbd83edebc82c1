"""What is at an address where a plugin should be, by how it greets who speaks HTTP/2 to it."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from mattermost_plugin.targets import parse_target
from mattermost_plugin.tls import speaks_http2

GREETING: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""A client's preface and its empty settings: what gRPC begins with."""
SHOWN: Final = 40
"""Bytes of an answer that are told."""
SETTINGS: Final = 4
"""The type of the frame that an HTTP/2 server begins with."""
FRAME_HEAD: Final = 9
"""Bytes; the type is the fourth."""


SPEAKS_TLS: Final = "it speaks TLS, which is asked for by tls:HOST:PORT"


class NotHttp2(Exception):
    """Something else answered; the text says what."""


async def look_at(target: str, timeout: float) -> str:
    """What is there, as the end of a sentence; each of three steps takes no longer than so many seconds.

    Args:
        target: `unix:PATH` or `HOST:PORT`.
        timeout: seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await _connect(target, None, None)
    except TimeoutError:
        return f"it takes no connection within {timeout:g} s"
    except OSError as error:
        return f"it takes no connection ({error.strerror or error})"
    try:
        async with asyncio.timeout(timeout):
            answer = await _answer(reader, writer)
    except TimeoutError:
        return f"it takes connections, and said nothing within {timeout:g} s"
    finally:
        writer.transport.abort()
    return SPEAKS_TLS if not answer and await _speaks_tls(target, timeout) else describe(answer)


async def greet(target: str, tls: ssl.SSLContext | None, name: str | None) -> None:
    """See that HTTP/2 is spoken there.

    Args:
        target: `unix:PATH` or `HOST:PORT`.
        tls: what TLS is spoken by; None for none.
        name: whom the certificate is for.

    Raises:
        OSError: there is no connection, or TLS was not agreed on.
        NotHttp2: something else answers.
    """
    reader, writer = await _connect(target, tls, name)
    try:
        if not speaks_http2(writer.get_extra_info("ssl_object")):
            raise NotHttp2("it speaks TLS, but does not offer HTTP/2 by ALPN")
        answer = await _answer(reader, writer)
        if not answer and tls is not None:
            raise NotHttp2(
                "it hangs up when TLS is agreed on, as one does that wants another certificate, or one at all"
            )
        if not _is_http2(answer):
            raise NotHttp2(describe(answer))
    finally:
        writer.transport.abort()


def describe(answer: bytes) -> str:
    """What answers so."""
    if not answer:
        return "it takes connections, and closes them"
    if answer.startswith(b"HTTP/1"):
        return f"it speaks HTTP/1.1, and a plugin speaks gRPC; it said {_shown(answer)}"
    if answer[0] in (0x15, 0x16) and answer[1:2] == b"\x03":
        return SPEAKS_TLS
    if _is_http2(answer):
        return "it speaks HTTP/2, but its gRPC was not ready in time"
    return f"it does not speak gRPC; it said {_shown(answer)}"


def _is_http2(answer: bytes) -> bool:
    return len(answer) >= FRAME_HEAD and answer[3] == SETTINGS


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What is said to a greeting; nothing by who hangs up."""
    try:
        writer.write(GREETING)
        return await reader.read(SHOWN)
    except ConnectionError:
        return b""


async def _speaks_tls(target: str, timeout: float) -> bool:
    """Whether TLS is spoken there; servers of it hang up on who speaks something else, mostly without a word."""
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(timeout):
            _, writer = await _connect(target, anything, "anybody")
    except OSError:  # a time-out is one as well
        return False
    writer.transport.abort()
    return True


async def _connect(
    target: str, tls: ssl.SSLContext | None, name: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = parse_target(target)
    if place.path:
        return await asyncio.open_unix_connection(place.path, ssl=tls, server_hostname=name)
    return await asyncio.open_connection(place.host, place.port, ssl=tls, server_hostname=name)


def _shown(answer: bytes) -> str:
    return repr(answer[:SHOWN])[1:]
