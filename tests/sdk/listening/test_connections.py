"""Connections to a listener: those that come to something, and what is told of those that do not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.listening.entrance import Entrance
from mattermost_plugin.listening.grpc_server import GrpcServer
from mattermost_plugin.listening.listener import Listener
from mattermost_plugin.listening.reports import Reports
from mattermost_plugin.tls import TLSFiles, client_context, server_context
from mattermost_plugin.tunnel.direct import DirectMessageStream, DirectServer, connect
from support.certificates import HOST, Certificates
from support.direct_calls import Heard, echo
from support.listening import Methods
from support.patience import PATIENCE
from support.plugin_host import eventually

pytestmark = pytest.mark.anyio

ALONE = "/alone.Service/Connect"
TIMEOUT = PATIENCE


@asynccontextmanager
async def listening(
    *, tls: ssl.SSLContext | None = None, greeting_timeout: float = TIMEOUT, **options: Any
) -> AsyncIterator[int]:
    """A port at which one call has its connection for itself, and others come by gRPC."""
    reports = Reports()
    direct, grpc_server = DirectServer(ALONE, echo), GrpcServer(Methods().by_path(), Limits(), reports)
    entrance = Entrance({ALONE: direct.connection}, grpc_server.connection, reports, greeting_timeout)
    listener = Listener(entrance, reports, (lambda: tls) if tls is not None else None, **options)
    made = socket.create_server((HOST, 0))
    listener.start([made])
    try:
        yield made.getsockname()[1]
    finally:
        listener.stop_accepting()
        await grpc_server.close(0)
        await direct.close()
        await listener.close()


async def assert_echoed(stream: DirectMessageStream, size: int = 10) -> None:
    heard = Heard()
    running = asyncio.create_task(stream.run(heard))
    stream.send(bytes(size))
    async with asyncio.timeout(TIMEOUT):
        assert await heard.messages.get() == bytes(size)
        stream.done_writing()
        await running
    await stream.close(1)


async def assert_served(port: int) -> None:
    await assert_echoed(await connect(f"{HOST}:{port}", ALONE))


Read = Callable[[bytes], Any]


async def said_to(port: int, data: bytes) -> bytes:
    """What somebody is answered who says this."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(data)
    answer = b""
    async with asyncio.timeout(TIMEOUT):
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
    writer.close()
    return answer


async def test_both_kinds_of_calls_are_served_at_one_port() -> None:
    async with listening() as port:
        await assert_served(port)
        async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
            call: Any = channel.unary_unary("/echo")
            assert await call(b"x") == b"x"
            flow: Any = channel.stream_stream(ALONE)()
            assert await flow.code() is grpc.StatusCode.UNIMPLEMENTED  # here nothing serves it among others


async def test_both_kinds_of_calls_are_served_by_tls(certificates: Certificates) -> None:
    files = certificates.server()
    async with listening(tls=server_context(files)) as port:
        context = client_context(TLSFiles(ca=certificates.ca))
        for size in (1, 70_000, 4_000_000):
            await assert_echoed(await connect(f"{HOST}:{port}", ALONE, tls=context), size)
        credentials = grpc.ssl_channel_credentials(certificates.ca_bytes)
        async with grpc.aio.secure_channel(f"{HOST}:{port}", credentials) as channel:
            call: Any = channel.unary_unary("/echo")
            assert await call(b"x" * 1000) == b"x" * 1000


STRANGERS: dict[str, tuple[bytes, str]] = {
    "HTTP/1.1": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "the connection does not begin as HTTP/2"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), "it speaks TLS, which is not spoken here"),
    "noise": (b"\xff" * 100, "the connection does not begin as HTTP/2"),
}


@pytest.mark.parametrize("kind", STRANGERS)
async def test_who_does_not_speak_http2_is_told_so_and_hung_up_on(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    said, told = STRANGERS[kind]
    async with listening() as port:
        assert told.encode() in await said_to(port, said)
        await assert_served(port)
    assert f"a client did not get through: {told}" in caplog.text


async def test_who_says_nothing_is_hung_up_on(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(greeting_timeout=0.1) as port:
        assert b"it did not begin to speak HTTP/2 within 0.1 s" in await said_to(port, b"PRI")
        await assert_served(port)
    assert "a client did not get through: it did not begin to speak HTTP/2 within 0.1 s" in caplog.text


async def test_who_speaks_no_tls_at_a_port_with_tls_is_told_of_in_the_log(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(tls=server_context(certificates.server())) as port:
        await said_to(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        await eventually(lambda: "a client did not get through: it does not speak TLS" in caplog.text)


async def test_who_shows_no_certificate_where_one_is_wanted_is_told_of_in_the_log(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(tls=server_context(certificates.server(client_ca=certificates.ca))) as port:
        with contextlib.suppress(OSError):
            await connect(f"{HOST}:{port}", ALONE, tls=client_context(TLSFiles(ca=certificates.ca)))
        await eventually(lambda: "a client did not get through: it shows no certificate" in caplog.text)


async def test_who_does_not_ask_for_http2_by_alpn_is_hung_up_on(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(tls=server_context(certificates.server())) as port:
        context = ssl.create_default_context(cafile=certificates.ca)
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
        async with asyncio.timeout(TIMEOUT):
            with contextlib.suppress(ConnectionError):
                assert b"it does not ask for HTTP/2 by ALPN" in await reader.read()
        writer.close()
    assert "it does not ask for HTTP/2 by ALPN" in caplog.text


async def test_who_does_not_agree_on_tls_in_time_is_hung_up_on(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(tls=server_context(certificates.server()), handshake_timeout=0.1) as port:
        assert await said_to(port, b"") == b""
    assert "a client did not get through: it did not agree on TLS in time" in caplog.text


async def test_connections_beyond_the_limit_are_closed_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(max_connections=2) as port:
        held = [await connect(f"{HOST}:{port}", ALONE) for _ in range(2)]
        await eventually(lambda: len(held) == 2)
        reader, writer = await asyncio.open_connection(HOST, port)
        async with asyncio.timeout(TIMEOUT):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        assert "a connection was closed: 2 are open already" in caplog.text
        for stream in held:
            await assert_echoed(stream)
        await assert_served(port)


async def test_a_lack_of_descriptors_is_waited_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lacks = [OSError(errno.EMFILE, "Too many open files")] * 3
    accept = socket.socket.accept

    def lacking(listening: socket.socket) -> Any:
        if lacks:
            raise lacks.pop()
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", lacking)
    async with listening() as port:
        await assert_served(port)
    assert not lacks
    assert "a connection could not be taken: Too many open files" in caplog.text


async def test_strangers_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with listening() as port:
        for _ in range(20):
            await said_to(port, b"GET / HTTP/1.1\r\n\r\n")
    assert len([record for record in caplog.records if "did not get through" in record.message]) == 1


def test_what_was_left_out_of_the_log_is_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    reports = Reports()
    now = 100.0
    for _ in range(5):
        reports.tell("a stranger")
    now = 200.0
    reports.tell("another")
    assert caplog.messages == ["a stranger", "another (4 such lines before it were left out)"]


async def test_closing_ends_connections_that_have_not_said_what_they_are_for() -> None:
    async with listening() as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        await assert_served(port)
    async with asyncio.timeout(TIMEOUT):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
