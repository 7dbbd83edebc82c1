"""Clients are served by TLS as without it, on both paths, and by another certificate without losing a connection."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import h11
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect as connect_websocket

from mattermost_plugin.tls import TLSFiles
from mattermost_plugin.types import ASGIApp
from servehttp.client_tls import ClientTLS, check_tls
from servehttp.errors import SettingsError
from servehttp.settings.kinds import HttpParser
from servehttp.settings.server import ServerSettings
from support.certificates import Certificates
from support.client import Client, fetch
from support.front_apps import describe, hashed
from support.front_server import SECONDS, Recorder, Running, eventually, serving
from support.fronts import front

pytestmark = pytest.mark.anyio


def settings(files: TLSFiles, client_ca: str = "") -> dict[str, str]:
    """Those that have clients served by these files."""
    ca = {"ssl_ca_certs": client_ca} if client_ca else {}
    return {"ssl_certfile": files.cert, "ssl_keyfile": files.key, **ca}


def trusting(certificates: Certificates, client: TLSFiles | None = None) -> ssl.SSLContext:
    """A client's end."""
    context = ssl.create_default_context(cafile=certificates.ca)
    if client is not None:
        context.load_cert_chain(client.cert, client.key)
    return context


class Application:
    """Streams until its client has gone, hashes uploads, describes requests, echoes messages."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        routes = [
            Route("/stream", self.stream),
            Route("/hash", hashed, methods=["POST"]),
            WebSocketRoute("/ws", self.websocket),
            Route("/", describe),
        ]
        self.app: ASGIApp = Starlette(routes=routes)

    async def stream(self, request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"piece\n"
                    await asyncio.sleep(0.01)
            finally:
                self.gone.set()

        return StreamingResponse(pieces())

    async def websocket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.scope["scheme"])
        async for message in websocket.iter_bytes():
            await websocket.send_bytes(message)


@asynccontextmanager
async def connected(port: int, context: ssl.SSLContext) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "ASGI path"])
async def test_requests_uploads_streams_and_websockets_go_by_tls(
    certificates: Certificates,
    tmp_path: Path,
    parser: Any,
    direct: bool,
) -> None:
    application, context = Application(), trusting(certificates)
    tls = settings(certificates.server())
    async with front(application.app, tmp_path, direct=direct, parser=parser, tls=tls) as stage:
        async with connected(stage.port, context) as client:
            answer = await client.request("GET", "/plugins/p/")
            assert (answer.status, answer.json()["scheme"]) == (200, "https")

        body = bytes(range(256)) * 8192
        async with connected(stage.port, context) as client:
            answer = await client.request("POST", "/plugins/p/hash", body=body)
            assert answer.body == sha256(body).hexdigest().encode()

        async with connected(stage.port, context) as client:
            await client.start("GET", "/plugins/p/stream")
            await client.end()
            await client.head()
            assert (await client.piece() or b"").startswith(b"piece\n")
        async with asyncio.timeout(SECONDS):
            await application.gone.wait()

        async with connect_websocket(f"wss://127.0.0.1:{stage.port}/plugins/p/ws", ssl=context) as websocket:
            assert await websocket.recv() == "wss"
            for size in (0, 100, 100_000):
                await websocket.send(bytes(size))
                assert await websocket.recv() == bytes(size)


async def test_a_client_that_says_goodbye_is_a_disconnect(certificates: Certificates, parser: str) -> None:
    recorder = Recorder()
    async with serving(recorder, parser, tls=settings(certificates.server())) as running:
        client = await running.connect(ssl=trusting(certificates))
        client.post(b"Content-Length: 10\r\n", b"12345")
        await client.close()
        async with asyncio.timeout(SECONDS):
            await recorder.disconnected.wait()
    assert not recorder.whole


async def test_what_is_refused_is_told_before_the_end(certificates: Certificates, parser: str) -> None:
    async with serving(Recorder(), parser, tls=settings(certificates.server()), max_target_length=10) as running:
        client = await running.connect(ssl=trusting(certificates))
        client.get(b"/" + b"x" * 100)
        assert (await client.answer()).status == 414
        assert await client.rest() == b""


class Swapped:
    """A server's files, which can be exchanged."""

    def __init__(self, folder: Path) -> None:
        self.files = TLSFiles(str(folder / "cert.pem"), str(folder / "key.pem"))
        self.client_ca = str(folder / "ca.pem")

    def put(self, files: TLSFiles) -> None:
        shutil.copy(files.cert, self.files.cert)
        shutil.copy(files.key, self.files.key)

    def spoil(self) -> None:
        Path(self.files.key).write_text("no key")


async def shown(running: Running, context: ssl.SSLContext) -> Mapping[str, Any]:
    """What the server says of itself to a new client."""
    client = await running.connect(ssl=context)
    client.get()
    await client.answer()
    certificate: Mapping[str, Any] = client.writer.get_extra_info("ssl_object").getpeercert()
    return certificate


async def test_another_certificate_is_for_new_connections_and_none_is_lost(
    certificates: Certificates,
    parser: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    swapped, context = Swapped(tmp_path), trusting(certificates)
    swapped.put(certificates.server())
    async with serving(Recorder(), parser, tls=settings(swapped.files)) as running:
        early = await running.connect(ssl=context)
        first = await shown(running, context)
        swapped.put(certificates.server())
        running.server.change(running.settings)
        second = await shown(running, context)
        assert first["serialNumber"] != second["serialNumber"]
        early.get()
        assert (await early.answer()).status == 200

        swapped.spoil()
        running.server.change(running.settings)
        assert (await shown(running, context))["serialNumber"] == second["serialNumber"]


async def refusal(running: Running, context: ssl.SSLContext) -> bool:
    """Whether a client is not served: by TLS 1.3 it learns of it only when it reads."""
    try:
        client = await running.connect(ssl=context)
        client.get()
        await client.answer()
    except (ssl.SSLError, ConnectionError, h11.RemoteProtocolError):
        return True
    return False


async def test_clients_show_a_certificate_where_they_have_to_and_others_after_a_change(
    certificates: Certificates,
    parser: str,
    tmp_path: Path,
) -> None:
    swapped = Swapped(tmp_path)
    swapped.put(certificates.server())
    shutil.copy(certificates.ca, swapped.client_ca)
    known = trusting(certificates, certificates.client())
    stranger = trusting(certificates, certificates.stranger())
    async with serving(Recorder(), parser, tls=settings(swapped.files, swapped.client_ca)) as running:
        assert not await refusal(running, known)
        assert await refusal(running, stranger)
        assert await refusal(running, trusting(certificates))
        shutil.copy(certificates.other_ca, swapped.client_ca)
        running.server.change(running.settings)
        assert await refusal(running, trusting(certificates, certificates.client()))
        assert not await refusal(running, stranger)


def test_what_was_agreed_on_before_a_change_is_not_taken_up_again(certificates: Certificates, tmp_path: Path) -> None:
    swapped = Swapped(tmp_path)
    swapped.put(certificates.server())
    shutil.copy(certificates.ca, swapped.client_ca)
    files = settings(swapped.files, swapped.client_ca)
    tls = ClientTLS.of(ServerSettings.model_validate(files))
    assert tls is not None
    known = trusting(certificates, certificates.client())
    known.check_hostname = False
    session = agreed(known, tls.context).session
    assert agreed(known, tls.context, session).session_reused
    shutil.copy(certificates.other_ca, swapped.client_ca)
    tls.load()
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        agreed(known, tls.context, session)


def agreed(client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLObject:
    """A client's end after a handshake."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = client.wrap_bio(back, there, session=session), server.wrap_bio(there, back, server_side=True)
    for end in (ours, theirs, ours, theirs, ours):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    theirs.write(b"and a ticket before it")
    ours.read()
    return ours


async def test_who_speaks_no_tls_is_hung_up_on_and_others_are_served(
    certificates: Certificates,
    parser: str,
) -> None:
    async with serving(Recorder(), parser, tls=settings(certificates.server())) as running:
        plain = await running.connect()
        plain.get()
        assert b"HTTP" not in await plain.rest()
        assert await shown(running, trusting(certificates))


async def test_a_client_that_never_agrees_on_tls_is_hung_up_on_and_holds_up_no_end(
    certificates: Certificates,
    parser: str,
) -> None:
    tls = settings(certificates.server())
    async with serving(Recorder(), parser, tls=tls, header_timeout=0.1) as running:
        silent = await running.connect()
        assert await silent.rest() == b""
    async with serving(Recorder(), parser, tls=tls, header_timeout=1000) as running:
        with socket.create_connection(running.address) as held:
            await shown(running, trusting(certificates))  # so the one before was accepted
            await running.stop()
            held.settimeout(SECONDS)
            assert held.recv(1) == b""


async def test_a_client_that_never_agrees_on_tls_does_so_on_few_connections(
    certificates: Certificates,
    parser: str,
) -> None:
    tls = settings(certificates.server())
    async with serving(Recorder(), parser, tls=tls, header_timeout=1000, max_connections_per_client=2) as running:
        with socket.create_connection(running.address), socket.create_connection(running.address):
            third = await running.connect()
            assert await third.rest() == b""
        acceptor = running.server._acceptor
        assert acceptor is not None
        await eventually(lambda: not acceptor._opening)
        assert await shown(running, trusting(certificates))


async def test_files_that_cannot_be_used_are_told_in_one_line(
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    good = certificates.server()
    for cert, key, told in (
        (str(tmp_path / "none.pem"), good.key, "none.pem cannot be read"),
        (good.cert, certificates.client().key, "are no certificate with its key"),
    ):
        with pytest.raises(SettingsError) as caught:
            check_tls(ServerSettings(ssl_certfile=Path(cert), ssl_keyfile=Path(key)))
        assert told in str(caught.value)
        assert "\n" not in str(caught.value)
    check_tls(ServerSettings(ssl_certfile=Path(good.cert), ssl_keyfile=Path(good.key)))


async def test_plain_connections_stay_plain(parser: HttpParser, tmp_path: Path) -> None:
    async with front(Application().app, tmp_path, direct=True, parser=parser) as stage:
        assert (await fetch(stage.port, "/plugins/p/")).json()["scheme"] == "http"
