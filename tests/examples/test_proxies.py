"""The configurations of `examples/proxies` pass on what a gateway needs, each where the proxy is installed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from websockets.sync.client import connect as connect_websocket

from servehttp.testing.gateway import Gateway, running_gateway
from support.certificates import Certificates, certificates
from support.patience import PATIENCE

__all__ = ["certificates"]

CONFIGURATIONS = Path(__file__).parents[2] / "examples" / "proxies"
ID = "com.example.behind"
UPLOAD = 100 * 2**20
CLIENT = "127.0.0.2"
"""An address of this machine that is not the proxy's, which is trusted."""

PROGRAM = """
import asyncio, collections, hashlib, itertools
from starlette.responses import JSONResponse, StreamingResponse
from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get, post, websocket

class Behind(Plugin):
    def __init__(self):
        self.paces = collections.defaultdict(lambda: asyncio.Semaphore(0))

    @get("/pace")
    async def let_one_go(self, request):
        self.paces[request.query_params["of"]].release()
        return JSONResponse(None)

    @get("/paced")
    async def paced(self, request):
        pace = self.paces[request.query_params["of"]]
        async def events():
            for number in itertools.count():
                await pace.acquire()
                yield f"data: {number}\\n\\n"
        return StreamingResponse(events(), media_type="text/event-stream")

    @post("/digest")
    async def digest(self, request):
        digest = hashlib.sha256()
        async for piece in request.stream():
            digest.update(piece)
        return JSONResponse(digest.hexdigest())

    @get("/who")
    async def who(self, request):
        return JSONResponse([request.client.host, request.url.scheme, request.headers["host"]])

    @websocket("/ws")
    async def talk(self, ws):
        await ws.accept()
        async for text in ws.iter_text():
            await ws.send_text(text)

run_plugin(Behind)
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for all proxies."""
    folder = tmp_path_factory.mktemp("behind")
    manifest = {"id": ID, "version": "1.0.0", "server": {"runtime": "python", "executable": "plugin.py"}}
    (folder / "plugin.json").write_text(json.dumps(manifest))
    (folder / "plugin.py").write_text(PROGRAM)
    with running_gateway(folder, arguments=("--no-workspace", "--forwarded-allow-ips", "127.0.0.1")) as gateway:
        yield gateway


@dataclass(frozen=True)
class Edge:
    """A proxy that runs.

    Attributes:
        port: where it serves https.
        ca: by what its certificate is known.
    """

    port: int
    ca: str

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/plugins/{ID}"

    def context(self) -> ssl.SSLContext:
        """What a client speaks TLS by; of its own, for it says in there which protocols it speaks."""
        return ssl.create_default_context(cafile=self.ca)

    def client(self, *, http2: bool = True) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self.context(), http1=not http2, http2=http2, local_address=CLIENT)
        return httpx.Client(transport=transport, timeout=PATIENCE)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def adapted(name: str, changes: dict[str, str]) -> str:
    """A configuration as it is in the examples, but for addresses and files."""
    text = (CONFIGURATIONS / name).read_text()
    for ours, test in changes.items():
        assert ours in text, ours
        text = text.replace(ours, test)
    return text


def nginx(folder: Path, port: int, upstream: str, cert: Path, key: Path) -> list[str]:
    site = adapted(
        "nginx.conf",
        {
            "127.0.0.1:8065": upstream,
            "listen 443 ": f"listen 127.0.0.1:{port} ",
            "/etc/ssl/example.com.pem": str(cert),
            "/etc/ssl/example.com.key": str(key),
        },
    )
    (folder / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr error; events {{}} http {{ access_log off; {paths} "
        f"include {folder}/site.conf; }}"
    )
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, upstream: str, cert: Path, key: Path) -> list[str]:
    options = ("admin off", "auto_https disable_redirects", "grace_period 1s", f"storage file_system {folder}")
    site = f"https://127.0.0.1:{port} {{\n\ttls {cert} {key}\n"
    text = adapted("Caddyfile", {"127.0.0.1:8065": upstream, "example.com {\n": site})
    (folder / "Caddyfile").write_text("\n".join(["{", *options, "}", text]))
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def haproxy(folder: Path, port: int, upstream: str, cert: Path, key: Path) -> list[str]:
    (folder / "both.pem").write_text(cert.read_text() + key.read_text())
    changes = {
        "127.0.0.1:8065": upstream,
        "bind :443 ": f"bind 127.0.0.1:{port} ",
        "/etc/ssl/example.com.pem": str(folder / "both.pem"),
    }
    (folder / "haproxy.cfg").write_text(adapted("haproxy.cfg", changes))
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


PROXIES: tuple[Callable[[Path, int, str, Path, Path], list[str]], ...] = (nginx, caddy, haproxy)


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.__name__)
def edge(
    request: pytest.FixtureRequest,
    gateway: Gateway,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Edge]:
    """Each proxy in turn, in front of the one gateway."""
    name = request.param.__name__
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}, as from Debian's package")
    folder, port, files = tmp_path_factory.mktemp(name), free_port(), certificates.server()
    command = request.param(folder, port, urlsplit(gateway.url).netloc, Path(files.cert), Path(files.key))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)}
        )
    try:
        _wait_serving(process, port, folder / "log")
        yield Edge(port, certificates.ca)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_serving(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    pytest.fail(f"the proxy does not serve: {log.read_text()}")


@pytest.mark.parametrize("http2", [True, False], ids=["HTTP2", "HTTP1"])
def test_each_event_is_there_before_the_next_is_sent(edge: Edge, http2: bool) -> None:
    name = uuid.uuid4()

    def let_one_go() -> None:
        with edge.client() as other:
            assert other.get(f"{edge.url}/pace?of={name}").status_code == 200

    let_one_go()  # by HTTP/2 nginx sends the head only with the first piece
    with edge.client(http2=http2) as client, client.stream("GET", f"{edge.url}/paced?of={name}") as events:
        assert events.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        pieces = events.iter_text()
        for number in range(5):
            received = ""
            while not received.endswith("\n\n"):
                received += next(pieces)
            assert received == f"data: {number}\n\n"
            let_one_go()


def test_a_websocket_goes_through(edge: Edge) -> None:
    url = f"wss://127.0.0.1:{edge.port}/plugins/{ID}/ws"
    with connect_websocket(url, ssl=edge.context(), open_timeout=PATIENCE) as websocket:
        for text in ("hello", "x" * 100_000):
            websocket.send(text)
            assert websocket.recv(PATIENCE) == text


def test_an_upload_of_100_mb_arrives_whole(edge: Edge) -> None:
    piece = bytes(range(256)) * 4096
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for _ in range(UPLOAD // len(piece)):
            digest.update(piece)
            yield piece

    with edge.client(http2=False) as client:
        headers = {"Content-Length": str(UPLOAD)}
        answer = client.post(f"{edge.url}/digest", content=pieces(), headers=headers)
    assert (answer.status_code, answer.json()) == (200, digest.hexdigest())


def test_the_plugin_sees_the_clients_address_and_what_the_client_makes_up_counts_for_nothing(edge: Edge) -> None:
    with edge.client() as client:
        made_up = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
        told = client.get(f"{edge.url}/who", headers=made_up).json()
    assert told[:2] == [CLIENT, "https"]
    assert told[2].partition(":")[0] == "127.0.0.1"
