"""The plugin in examples/streaming."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.testing import PluginClient

pytestmark = pytest.mark.anyio


@pytest.fixture
def plugin_class(load_plugin: Callable[[str], type[Plugin]]) -> type[Plugin]:
    return load_plugin("streaming")


async def test_the_page_needs_nothing_from_elsewhere(plugin_client: PluginClient) -> None:
    page = await plugin_client.get("/")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
    assert "://" not in page.text


async def test_ticks_are_server_sent_events(plugin_client: PluginClient) -> None:
    ticks = await plugin_client.get("/ticks?n=3&interval=0")

    assert ticks.text == "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\ndata: 3\n\n"
    assert ticks.headers["content-type"].startswith("text/event-stream")
    assert (ticks.headers["cache-control"], ticks.headers["x-accel-buffering"]) == ("no-store", "no")
    assert (await plugin_client.get("/ticks?n=0")).text == ""


async def test_ticks_keep_their_interval(plugin_client: PluginClient) -> None:
    start = time.monotonic()
    await plugin_client.get("/ticks?n=3&interval=0.05")

    assert time.monotonic() - start >= 0.1


async def test_ticks_without_a_number_go_on_until_the_client_leaves(plugin_client: PluginClient) -> None:
    async with plugin_client.stream("GET", "/ticks?interval=0") as response:
        events = response.events()
        ticks = [await anext(events) for _ in range(100)]

    assert [tick.data for tick in ticks] == [str(number) for number in range(1, 101)]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("n=many", "n has to be a number, and 'many' is none."),
        ("n=1.5", "n has to be a number, and '1.5' is none."),
        ("n=", "n has to be a number, and '' is none."),
        ("n=-1", "n has to be from 0 to 1099511627776, and -1 is not."),
        ("n=1&interval=soon", "interval has to be a number, and 'soon' is none."),
        ("n=1&interval=61", "interval has to be from 0 to 60.0, and 61 is not."),
        ("n=1&interval=nan", "interval has to be from 0 to 60.0, and nan is not."),
    ],
)
async def test_ticks_that_cannot_be_are_refused_with_a_sentence(
    plugin_client: PluginClient, query: str, sentence: str
) -> None:
    answer = await plugin_client.get(f"/ticks?{query}")

    assert (answer.status, answer.text) == (400, sentence)


async def test_each_chunk_is_echoed_before_the_next_one_arrives(plugin_client: PluginClient) -> None:
    async with plugin_client.upload("POST", "/echo", headers={"content-type": "text/x-chunks"}) as upload:
        for number in range(3):
            await upload.send(b"chunk %d" % number)
            echo = await upload.response()
            assert await echo.receive() == b"chunk %d" % number
        await upload.end()

        assert await echo.receive() == b""
        assert (echo.status, dict(echo.headers)) == (200, {"content-type": "text/x-chunks"})


async def test_an_echo_without_a_type_is_just_bytes(plugin_client: PluginClient) -> None:
    answer = await plugin_client.post("/echo", body=b"\x00\xff")

    assert answer.body == b"\x00\xff"
    assert dict(answer.headers) == {"content-type": "application/octet-stream"}


@pytest.mark.parametrize("body", [b"", b"abc", bytes(1_000_000)])
async def test_a_digest_is_of_the_whole_body(plugin_client: PluginClient, body: bytes) -> None:
    digest = (await plugin_client.post("/digest", body=body)).json()

    assert digest == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@pytest.mark.parametrize("n", [0, 1, 65536, 65537, 200_000])
async def test_as_many_bytes_come_as_were_asked_for(plugin_client: PluginClient, n: int) -> None:
    answer = await plugin_client.get(f"/bytes?n={n}")

    assert answer.body == bytes(n)
    assert answer.headers["content-length"] == str(n)


@pytest.mark.parametrize("query", ["", "?n=-1", "?n=all"])
async def test_bytes_that_cannot_be_are_refused(plugin_client: PluginClient, query: str) -> None:
    answer = await plugin_client.get(f"/bytes{query}")

    assert answer.status == 400
    assert answer.text.startswith("n has to be ")


async def test_messages_come_back_as_what_they_were(plugin_client: PluginClient) -> None:
    async with plugin_client.websocket("/ws") as ws:
        for message in ("text, even “”", "", b"\x00\xff"):
            await ws.send(message)
            assert await ws.receive() == message
