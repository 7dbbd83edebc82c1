"""The examples, served together as `make demo` serves them: by a gateway, over sockets.

Every route of those that need nobody to be logged in; the others are in test_workspace_examples.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import h11
import httpx2
import pytest
import websockets

from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("bench", "hello", "moderator", "notes", "shelf", "streaming", "todo")
IDS = [f"com.example.{name}" for name in NAMES]
STOP_TIMEOUT = PATIENCE


@dataclass
class Gateway:
    """A gateway in a process of its own, with all the examples."""

    url: str
    plugins: dict[str, str]
    """Their states, by id."""

    @property
    def host(self) -> str:
        """Its host and port."""
        return urlsplit(self.url).netloc

    @asynccontextmanager
    async def client(self, plugin: str) -> AsyncIterator[httpx2.AsyncClient]:
        """A client of one plugin."""
        base_url = f"{self.url}/plugins/com.example.{plugin}/"
        async with httpx2.AsyncClient(base_url=base_url, timeout=PATIENCE, trust_env=False) as client:
            yield client


@pytest.fixture(scope="module")
def shelf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shelf keeps its files: below the folder for temporary ones."""
    return tmp_path_factory.mktemp("temporary") / "com.example.shelf"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, shelf_folder: Path) -> Iterator[Gateway]:
    command = [sys.executable, "-m", "servehttp", "serve", str(EXAMPLES), "--port", "0", "--log-format", "json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SERVEHTTP_")}
    environment["TMPDIR"] = str(shelf_folder.parent)
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path_factory.mktemp("gateway"), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines: list[str] = []
    try:
        for line in process.stderr:
            lines.append(line)
            if '"event": "serving"' in line:
                break
        else:
            pytest.fail("the gateway ended:\n" + "".join(lines))
        reader = threading.Thread(target=lines.extend, args=(process.stderr,))
        reader.start()
        serving = json.loads(line)
        yield Gateway(serving["url"], serving["plugins"])
        process.terminate()
        assert process.wait(STOP_TIMEOUT) == 0, "".join(lines)
        reader.join(STOP_TIMEOUT)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


class RawClient:
    """One HTTP/1.1 connection that shows each piece of a body as it comes in, and sends when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.http = h11.Connection(h11.CLIENT)
        self.host = host
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def connect(cls, gateway: Gateway) -> AsyncIterator[RawClient]:
        """Connect, and close at the end."""
        host, _, port = gateway.host.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            async with asyncio.timeout(PATIENCE):
                yield cls(reader, writer, gateway.host)
        finally:
            writer.close()
            await writer.wait_closed()

    async def request(self, method: str, target: str, **headers: str) -> None:
        """Send a request's head."""
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        await self.send(h11.Request(method=method, target=target, headers=[("host", self.host), *named]))

    async def send(self, event: h11.Request | h11.Data | h11.EndOfMessage) -> None:
        """Send the next part of the request."""
        self._writer.write(self.http.send(event) or b"")
        await self._writer.drain()

    async def receive(self) -> object:
        """The next part of the response."""
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(await self._reader.read(65536))
        return event


async def test_every_example_runs(gateway: Gateway) -> None:
    assert gateway.plugins == dict.fromkeys(IDS, "running")


async def test_hello(gateway: Gateway) -> None:
    async with gateway.client("hello") as client:
        assert (await client.get("hello/world")).json() == {"hello": "world"}
        assert (await client.get("hello/J%C3%BCrgen%20A.")).json() == {"hello": "Jürgen A."}
        assert (await client.get("goodbye")).status_code == 404


async def test_the_page(gateway: Gateway) -> None:
    async with gateway.client("streaming") as client:
        page = await client.get("")

    assert page.status_code == 200
    assert page.content == (EXAMPLES / "streaming" / "page.html").read_bytes()


async def test_ticks_arrive_one_by_one(gateway: Gateway) -> None:
    events = []
    async with RawClient.connect(gateway) as client:
        await client.request("GET", "/plugins/com.example.streaming/ticks?n=3&interval=0.5")
        await client.send(h11.EndOfMessage())
        head = await client.receive()
        assert isinstance(head, h11.Response)
        while isinstance(event := await client.receive(), h11.Data):
            events.append(bytes(event.data))
        assert isinstance(event, h11.EndOfMessage)

    assert dict(head.headers)[b"cache-control"] == b"no-store"
    assert dict(head.headers)[b"x-accel-buffering"] == b"no"
    assert events == [b"id: 1\ndata: 1\n\n", b"id: 2\ndata: 2\n\n", b"id: 3\ndata: 3\n\n"]


async def test_the_first_tick_waits_for_no_other(gateway: Gateway) -> None:
    async with RawClient.connect(gateway) as client:
        await client.request("GET", "/plugins/com.example.streaming/ticks?interval=60")
        await client.send(h11.EndOfMessage())

        assert isinstance(await client.receive(), h11.Response)
        assert await client.receive() == h11.Data(data=b"id: 1\ndata: 1\n\n", chunk_start=True, chunk_end=True)


async def test_bad_parameters_are_refused_with_a_sentence(gateway: Gateway) -> None:
    async with gateway.client("streaming") as client:
        answer = await client.get("ticks?n=some")

    assert (answer.status_code, answer.text) == (400, "n has to be a number, and 'some' is none.")


async def test_each_chunk_is_echoed_before_the_next_one_is_sent(gateway: Gateway) -> None:
    async with RawClient.connect(gateway) as client:
        await client.request(
            "POST", "/plugins/com.example.streaming/echo", content_type="text/x-chunks", transfer_encoding="chunked"
        )
        head = await client.receive()
        assert isinstance(head, h11.Response)
        assert dict(head.headers)[b"content-type"] == b"text/x-chunks"
        for number in range(5):
            await client.send(h11.Data(data=b"chunk %d" % number))
            event = await client.receive()
            assert isinstance(event, h11.Data)
            assert bytes(event.data) == b"chunk %d" % number
        await client.send(h11.EndOfMessage())
        assert isinstance(await client.receive(), h11.EndOfMessage)


async def test_a_body_larger_than_any_window_is_echoed(gateway: Gateway) -> None:
    sent, received = hashlib.sha256(), hashlib.sha256()

    async def upload(client: RawClient) -> None:
        for number in range(128):
            piece = bytes([number]) * 65536
            sent.update(piece)
            await client.send(h11.Data(data=piece))
        await client.send(h11.EndOfMessage())

    async with RawClient.connect(gateway) as client, asyncio.TaskGroup() as tasks:
        await client.request("POST", "/plugins/com.example.streaming/echo", content_length=str(128 * 65536))
        tasks.create_task(upload(client))
        assert isinstance(await client.receive(), h11.Response)
        while isinstance(event := await client.receive(), h11.Data):
            received.update(event.data)

    assert received.hexdigest() == sent.hexdigest()


async def test_a_digest(gateway: Gateway) -> None:
    body = bytes(range(256)) * 4096
    async with gateway.client("streaming") as client:
        digest = (await client.post("digest", content=body)).json()

    assert digest == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


async def test_a_download(gateway: Gateway) -> None:
    async with gateway.client("streaming") as client:
        answer = await client.get("bytes?n=1000000")

    assert answer.headers["content-length"] == "1000000"
    assert answer.content == bytes(1_000_000)


async def test_a_websocket(gateway: Gateway) -> None:
    async with websockets.connect(f"ws://{gateway.host}/plugins/com.example.streaming/ws", proxy=None) as ws:
        for message in ("text, even “”", b"\x00\xff", "", b""):
            await ws.send(message)
            assert await asyncio.wait_for(ws.recv(), PATIENCE) == message


async def test_notes(gateway: Gateway) -> None:
    async with gateway.client("notes") as client:
        created = await client.post("notes", json={"text": "Buy milk"})
        location = created.headers["location"]
        assert location == f"{gateway.url}/plugins/com.example.notes/notes/{created.json()['id']}"

        assert (await client.put(location, json={"text": "Buy oat milk"})).status_code == 200
        assert (await client.get(location)).json()["text"] == "Buy oat milk"
        assert len((await client.get("notes")).json()) == 2
        assert (await client.delete(location)).status_code == 204
        assert (await client.get(location)).status_code == 404


async def test_the_documentation_of_notes_knows_its_prefix(gateway: Gateway) -> None:
    async with gateway.client("notes") as client:
        docs = await client.get("docs")
        schema = (await client.get("openapi.json")).json()

    assert "'/plugins/com.example.notes/openapi.json'" in docs.text
    assert schema["servers"] == [{"url": "/plugins/com.example.notes"}]
    assert sorted(schema["paths"]) == ["/notes", "/notes/{note_id}"]


async def test_bench(gateway: Gateway) -> None:
    async with gateway.client("bench") as client:
        assert (await client.get("json")).content == b'{"hello":"world"}'
        assert (await client.get("bytes?n=100000")).content == bytes(100_000)
        assert (await client.post("upload", content=bytes(100_000))).json() == {"bytes": 100_000}
        assert (await client.get("sse?n=2")).text == "data: 0\n\ndata: 1\n\n"


async def test_the_shelf_tells_what_comes_in_and_gives_it_back(gateway: Gateway, shelf_folder: Path) -> None:
    async with gateway.client("shelf") as client, client.stream("GET", "events") as events:
        lines = events.aiter_lines()
        (stored,) = (await client.post("files", files={"file": ("notes.txt", b"Buy oat milk.")})).json()
        told = [line async for line in until(lines, '"stored"')]
        download = await client.get(f"files/{stored['id']}")

    assert told[-1] == 'data: {"kind": "stored", "name": "notes.txt", "size": 13}'
    assert (download.text, download.headers["content-disposition"]) == (
        "Buy oat milk.",
        'attachment; filename="notes.txt"',
    )
    assert os.listdir(shelf_folder) == [stored["id"]]


async def until(lines: AsyncIterator[str], wanted: str) -> AsyncIterator[str]:
    """Lines up to the first that has some text in it."""
    async for line in lines:
        yield line
        if wanted in line:
            return
