"""A plugin that knows the contract and nothing of ours, under the gateway: all of it processes and sockets."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from interop.foreign_host import started
from interop.gateway_process import Gateway, gateway
from servehttp.errors import NoTunnelError
from servehttp.plugins.link import Link
from support.client import TIMEOUT, Answer, Broken, Client, connect
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

SOURCE = Path(__file__).with_name("foreign_plugin.py")
ID = "com.example.foreign"
MOUNT = f"/plugins/{ID}"
SECRET = "the-password-is-swordfish"
FIRST_BYTE_TIMEOUT = 3.0
NOTICE_LIMIT = PATIENCE
"""Seconds within which a plugin learns that the client has gone."""

ENVIRONMENT = {"SERVEHTTP_LIMITS__FIRST_BYTE_TIMEOUT": str(FIRST_BYTE_TIMEOUT)}


def make_folder(parent: Path) -> Path:
    folder = parent / "foreign"
    folder.mkdir()
    shutil.copy(SOURCE, folder / "plugin.py")
    manifest = {"id": ID, "version": "1.0.0", "server": {"runtime": "python", "executable": "plugin.py"}}
    (folder / "plugin.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = make_folder(tmp_path_factory.mktemp("gateway"))
    with gateway(folder, environment=ENVIRONMENT) as running:
        yield running


@pytest.fixture
async def client(served: Gateway) -> AsyncIterator[Client]:
    async with connect(served.port) as client:
        yield client


async def get(client: Client, url: str, headers: list[tuple[str, str]] | None = None) -> Answer:
    return await client.request("GET", MOUNT + url, headers)


@asynccontextmanager
async def expecting(served: Gateway, note: str) -> AsyncIterator[None]:
    """What is done inside makes the plugin note something, within the limit."""
    async with connect(served.port) as other:
        await other.start("GET", f"{MOUNT}/noted?{note}")
        await other.end()
        yield
        async with asyncio.timeout(NOTICE_LIMIT):
            assert (await other.answer()).body == b"noted"


def assert_refused(answer: Answer, status: int) -> None:
    """One of the gateway's own answers, with nothing of the plugin's in it."""
    assert answer.status == status
    error = answer.json()["error"]
    assert (error["status"], error["plugin"]) == (status, ID)
    assert error["request_id"] == answer.header("x-request-id")
    assert SECRET not in str(answer)
    assert "never seen" not in str(answer)


# The connection


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the plugin listens, without a gateway."""
    with started(tmp_path, SOURCE.read_text()) as plugin:
        yield plugin.address


async def test_a_plugin_without_a_tunnel_is_called_directly(address: str) -> None:
    link = await Link.connect(address, timeout=PATIENCE)
    try:
        assert link.transport == "servehttp"
        assert link.implemented == {"OnActivate", "ServeHTTP", "HookOfTheFuture"}
        await link.activate(5)
        await link.check_health(5)
    finally:
        await link.close()


async def test_the_way_to_a_plugin_without_a_tunnel_is_found_every_time(address: str) -> None:
    """gRPC may see the end of the call that asks for a tunnel first in a write, which then hides the status."""
    for _ in range(100):
        link = await Link.connect(address, timeout=PATIENCE)
        await link.close()
        assert link.transport == "servehttp"


async def test_a_plugin_without_a_tunnel_is_no_plugin_where_only_the_tunnel_will_do(address: str) -> None:
    with pytest.raises(NoTunnelError, match="the plugin knows no tunnel"):
        await Link.connect(address, transport="tunnel", timeout=PATIENCE)


# What works


async def test_a_plugin_without_a_tunnel_is_served_by_calls(served: Gateway, client: Client) -> None:
    report = (await client.request("GET", "/readyz?verbose")).json()
    assert report["status"] == "ready"
    assert [(plugin["id"], plugin["state"], plugin["transport"]) for plugin in report["plugins"]] == [
        (ID, "running", "servehttp")
    ]
    served.wait_for(lambda record: "a foreign plugin was activated" in str(record))


async def test_a_response_arrives_whole(client: Client) -> None:
    answer = await get(client, "/hello")
    assert (answer.status, answer.body) == (201, b"hello")
    assert answer.header("content-type") == "text/plain"
    own = f"; Path={MOUNT}/".encode()
    assert [value for name, value in answer.headers if name == b"set-cookie"] == [b"a=1" + own, b"b=2" + own]


async def test_no_status_means_200(client: Client) -> None:
    assert (await get(client, "/no_status")).status == 200


async def test_a_request_head_is_told_as_the_contract_has_it(client: Client) -> None:
    sent = [
        ("X-Tag", "one"),
        ("x-tag", "two"),
        ("Mattermost-User-Id", "admin"),
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
    ]
    answer = await get(client, "/describe?a=%20b", sent)
    init = answer.json()
    assert (init["method"], init["url"]) == ("GET", "/describe?a=%20b")
    assert init["requestUri"] == f"{MOUNT}/describe?a=%20b"
    assert (init["proto"], init["protoMajor"], init["protoMinor"]) == ("HTTP/1.1", 1, 1)
    assert init["host"] == "test"
    assert init["remoteAddr"].startswith("127.0.0.1:")
    assert init["contentLength"] == "0"
    headers = {header["key"]: header["values"] for header in init["headers"]}
    assert headers["X-Tag"] == ["one", "two"]
    assert not headers.keys() & {"Host", "Mattermost-User-Id", "Connection", "X-Hop", "X-Request-Id"}
    assert answer.header("x-request-id") == init["pluginContext"]["requestId"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [([("Content-Length", "4")], "4"), ([("Transfer-Encoding", "chunked")], "-1")],
    ids=["length", "chunked"],
)
async def test_the_length_of_a_body_is_told_if_it_is_known(
    client: Client, headers: list[tuple[str, str]], expected: str
) -> None:
    await client.start("POST", f"{MOUNT}/describe", headers)
    await client.send(b"body")
    await client.end()
    init = (await client.answer()).json()
    assert init["contentLength"] == expected
    assert "Transfer-Encoding" not in {header["key"] for header in init["headers"]}


async def test_framing_headers_of_the_plugin_do_not_reach_the_client(client: Client) -> None:
    answer = await get(client, "/framing")
    assert (answer.status, answer.body) == (200, b"body")
    assert answer.header("x-private") is None
    assert answer.header("transfer-encoding") == "chunked"
    assert (await get(client, "/hello")).status == 201


async def test_a_response_streams_piece_by_piece(served: Gateway, client: Client) -> None:
    await client.start("GET", f"{MOUNT}/stream")
    await client.end()
    assert (await client.head()).status == 200
    assert await client.exactly(5) == b"first"
    async with connect(served.port) as other:
        await get(other, "/release")
    assert await client.rest() == b"second"


async def test_each_piece_of_an_upload_comes_back_before_the_next_is_sent(client: Client) -> None:
    await client.start("POST", f"{MOUNT}/echo", [("Transfer-Encoding", "chunked")])
    assert (await client.head()).status == 200
    for number in range(10):
        piece = b"piece %d" % number
        await client.send(piece)
        assert await client.exactly(len(piece)) == piece
    await client.end()
    assert await client.rest() == b""


async def test_a_large_upload_arrives_whole(client: Client) -> None:
    size = 20 * 1024 * 1024
    answer = await client.request("POST", f"{MOUNT}/upload", body=bytes(size))
    assert answer.json() == size


@pytest.mark.parametrize(("url", "body"), [("/early", b"not needed"), ("/early_pieces", b"not needed" * 20)])
@pytest.mark.parametrize("sent", [0, 1_000_000])
async def test_a_response_may_come_before_the_request_is_complete(
    client: Client, url: str, body: bytes, sent: int
) -> None:
    await client.start("POST", MOUNT + url, [("Content-Length", "10000000")])
    await client.send(bytes(sent))
    answer = await client.answer()
    assert (answer.status, answer.body) == (403, body)


# The client goes away


async def test_a_client_that_leaves_a_response_is_a_cancelled_call(served: Gateway, client: Client) -> None:
    await client.start("GET", f"{MOUNT}/forever")
    await client.end()
    await client.head()
    assert await client.exactly(5) == b"first"
    async with expecting(served, "cancelled"):
        client.abort()


async def test_a_client_that_leaves_its_upload_is_no_complete_body(served: Gateway, client: Client) -> None:
    await client.start("POST", f"{MOUNT}/echo", [("Content-Length", "1000000")])
    await client.send(b"a part")
    await client.head()
    assert await client.exactly(6) == b"a part"
    async with expecting(served, "aborted"):
        client.abort()


# The plugin breaks the rules


async def test_a_websocket_is_refused_with_501(client: Client) -> None:
    key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    await client.start(
        "GET",
        f"{MOUNT}/echo",
        [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), key],
    )
    await client.end()
    assert_refused(await client.answer(), 501)


@pytest.mark.parametrize("status", [-1, 42, 99, 100, 101, 199, 1000, 65535])
async def test_an_impossible_status_is_a_502(client: Client, status: int) -> None:
    assert_refused(await get(client, f"/status?{status}"), 502)


@pytest.mark.parametrize("url", ["/split_value", "/bad_name", "/bad_length"])
async def test_an_impossible_header_is_a_502(client: Client, url: str) -> None:
    answer = await get(client, url)
    assert_refused(answer, 502)
    assert "stolen" not in str(answer)


@pytest.mark.parametrize("url", ["/no_answer", "/refused", "/no_head", "/unknown"])
async def test_a_call_without_a_response_is_a_502(client: Client, url: str) -> None:
    assert_refused(await get(client, url), 502)


async def test_a_plugin_that_never_answers_is_a_504(client: Client) -> None:
    assert_refused(await get(client, "/silent"), 504)


@pytest.mark.parametrize(
    ("url", "begun"),
    [("/truncated", b"begun"), ("/failed", b"begun"), ("/too_short", b"body")],
)
async def test_a_response_that_cannot_be_finished_is_a_broken_connection(
    client: Client, url: str, begun: bytes
) -> None:
    await client.start("GET", MOUNT + url)
    await client.end()
    assert (await client.head()).status == 200
    assert await client.exactly(len(begun)) == begun
    with pytest.raises(Broken):
        await client.rest()


async def test_a_body_longer_than_its_length_ends_at_its_length_and_ends_the_connection(client: Client) -> None:
    await client.write(f"GET {MOUNT}/too_long HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    async with asyncio.timeout(TIMEOUT):
        everything = await client.reader.read()
    assert everything.startswith(b"HTTP/1.1 200 OK\r\n")
    assert everything.endswith(b"\r\n\r\nbody")


async def test_all_of_it_leaves_no_call_open(client: Client) -> None:
    report = (await client.request("GET", "/readyz?verbose")).json()
    assert [plugin["state"] for plugin in report["plugins"]] == ["running"]
    assert (await get(client, "/hello")).status == 201


# Start and stop


async def test_a_plugin_without_a_tunnel_fails_where_only_the_tunnel_will_do(tmp_path: Path) -> None:
    with gateway(make_folder(tmp_path), "--transport", "tunnel") as running:
        record = running.wait_for(lambda record: record.get("event") == "plugin stays down")
        async with connect(running.port) as client:
            report = (await client.request("GET", "/readyz?verbose")).json()
            refused = await get(client, "/hello")
    assert record["plugin"] == ID
    assert "knows no tunnel" in record["reason"]
    assert report["status"] == "not ready"
    plugin: dict[str, Any] = report["plugins"][0]
    assert (plugin["state"], plugin["reason"]) == ("failed", record["reason"])
    assert_refused(refused, 404)


async def test_a_foreign_plugin_ends_with_the_gateway(tmp_path: Path) -> None:
    with gateway(make_folder(tmp_path)) as running:
        async with connect(running.port) as client:
            assert (await get(client, "/hello")).status == 201
        assert running.stop() == 0
