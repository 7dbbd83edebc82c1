"""Requests, streams and WebSockets in the test's own process."""

from __future__ import annotations

import pytest

from mattermost_plugin.testing import (
    BrokenResponse,
    PluginClient,
    ServerSentEvent,
    WebSocketClosed,
    WebSocketRefused,
)
from mattermost_plugin.testing.bodies import File
from support.sample_plugin import Sample

pytestmark = [pytest.mark.anyio, pytest.mark.plugin(cls=Sample)]


async def test_a_request_is_answered_as_a_gateway_sends_it(plugin_client: PluginClient) -> None:
    answer = await plugin_client.as_user("ada").get("/who")

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"user": "ada", "root": "/plugins/com.example.plugin"}
    assert (await plugin_client.get("/who")).json()["user"] is None
    assert (await plugin_client.get("/nothing")).status == 404
    assert (await plugin_client.delete("/who")).status == 405


async def test_a_body_is_sent_as_it_is_given(plugin_client: PluginClient) -> None:
    assert (await plugin_client.post("/echo", body="Jürgen")).text == "Jürgen"
    assert (await plugin_client.post("/echo", body=bytes(1_000_000))).body == bytes(1_000_000)
    assert (await plugin_client.post("/echo", json={"a": 1})).json() == {"a": 1}
    assert (await plugin_client.post("/echo")).body == b""


async def test_a_form_is_sent_with_and_without_files(plugin_client: PluginClient) -> None:
    plain = await plugin_client.post("/form", data={"name": "Ada & Co"})
    assert (plain.status_code, plain.json()) == (200, {"name": "Ada & Co"})
    files: dict[str, File] = {
        "bytes": b"\0\r\n--",
        "named": ('a "b".txt', "Jürgen"),
        "typed": ("x", b"", "image/png"),
    }
    answer = await plugin_client.post("/form", data={"name": "Ada"}, files=files)
    assert answer.json() == {
        "name": "Ada",
        "bytes": ["bytes", "application/octet-stream", "\0\r\n--"],
        "named": ["a %22b%22.txt", "text/plain", "Jürgen"],  # as browsers write it
        "typed": ["x", "image/png", ""],
    }
    with pytest.raises(ValueError, match="one of body=, json="):
        await plugin_client.post("/form", json={}, files={})


async def test_a_stream_has_its_status_by_both_names(plugin_client: PluginClient) -> None:
    async with plugin_client.stream("GET", "/who") as response:
        assert response.status_code == response.status == 200


async def test_an_endless_stream_is_read_event_by_event_until_the_client_leaves(
    plugin: Sample, plugin_client: PluginClient
) -> None:
    async with plugin_client.stream("GET", "/ticks") as response:
        events = response.events()
        first, second = await anext(events), await anext(events)

    assert (first, second) == (ServerSentEvent("1", "tick", "1"), ServerSentEvent("2", "tick", "2"))
    (ended,) = (what for what in plugin.seen if what.endswith("ticks"))
    assert int(ended.split()[0]) < 50, "a plugin is only so far ahead of who reads"


async def test_each_chunk_is_answered_before_the_next_one_is_fed(plugin_client: PluginClient) -> None:
    async with plugin_client.upload("POST", "/echo") as upload:
        for number in range(3):
            await upload.send(b"chunk %d" % number)
            echo = await upload.response()
            assert await echo.receive() == b"chunk %d" % number
        await upload.end()
        assert await echo.receive() == b""


async def test_a_plugin_may_answer_before_the_request_has_ended(plugin_client: PluginClient) -> None:
    async with plugin_client.upload("POST", "/refuses") as upload:
        assert (await (await upload.response()).read()).text == "too much"
        with pytest.raises(ConnectionError, match="takes no more"):
            await upload.send(b"more")
        await upload.end()


async def test_a_plugin_is_told_when_its_client_leaves(plugin: Sample, plugin_client: PluginClient) -> None:
    async with plugin_client.upload("GET", "/hangs") as upload:
        upload.disconnect()
        await plugin.left.wait()
        with pytest.raises(BrokenResponse, match="the client went away"):
            await upload.response()


async def test_a_response_that_breaks_off_is_no_complete_one(plugin_client: PluginClient) -> None:
    async with plugin_client.stream("GET", "/breaks") as response:
        assert await response.receive() == b"half"
        with pytest.raises(BrokenResponse, match="the application raised an exception"):
            await response.read()


async def test_a_plugin_that_hangs_fails_the_test_in_time(plugin_client: PluginClient) -> None:
    plugin_client.timeout = 0.05
    with pytest.raises(TimeoutError, match=r"the plugin sent nothing for 0.05 s \(/plugins/.*/hangs\)"):
        await plugin_client.get("/hangs")


async def test_a_websocket_is_spoken_and_closed_by_either_side(plugin: Sample, plugin_client: PluginClient) -> None:
    async with plugin_client.websocket("/ws", subprotocols=["chat", "other"]) as ws:
        assert ws.subprotocol == "chat"
        await ws.send("text")
        await ws.send(b"\xff")
        assert (await ws.receive(), await ws.receive()) == ("text", b"\xff")
        await ws.send_json([1])
        assert await ws.receive_json() == [1]
        await ws.close(4001)
    async with plugin_client.websocket("/ws") as ws:
        await ws.send("one")
        await ws.send("bye")
        assert [message async for message in ws] == ["one"]
        with pytest.raises(WebSocketClosed, match="4000 bye"):
            await ws.receive()
    assert plugin.seen == ["activated", "closed 4001"]


async def test_a_websocket_that_is_cut_off_is_told_to_the_plugin(plugin: Sample, plugin_client: PluginClient) -> None:
    async with plugin_client.websocket("/ws") as ws:
        ws.disconnect()
    assert plugin.seen == ["activated", "closed 1006"]


async def test_a_websocket_may_be_refused(plugin_client: PluginClient) -> None:
    with pytest.raises(WebSocketRefused, match="status 403") as refused:
        async with plugin_client.websocket("/ws?refuse=1"):
            pass
    assert refused.value.response.text == ""
