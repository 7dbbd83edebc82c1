"""The fixtures for tests that are not async."""

from __future__ import annotations

import pytest

from mattermost_plugin.models import Post
from mattermost_plugin.testing import BlockingPlugin, ServerSentEvent, WebSocketClosed, modified
from support.sample_plugin import Sample

pytestmark = pytest.mark.plugin(cls=Sample)


def test_requests_are_answered(blocking_plugin: BlockingPlugin) -> None:
    assert blocking_plugin.get("/who", headers={"Mattermost-User-Id": "ada"}).json()["user"] == "ada"
    assert blocking_plugin.post("/echo", body="hello").text == "hello"
    statuses = [
        send("/nothing").status for send in (blocking_plugin.put, blocking_plugin.patch, blocking_plugin.delete)
    ]
    assert statuses == [404, 404, 404]


def test_a_stream_is_read_as_it_comes(blocking_plugin: BlockingPlugin) -> None:
    with blocking_plugin.stream("GET", "/ticks") as response:
        events = response.events()
        assert [next(events), next(events)] == [ServerSentEvent(n, "tick", n) for n in ("1", "2")]
        response.disconnect()
    with blocking_plugin.stream("POST", "/echo", body="hello") as response:
        assert list(response) == [b"hello"]
    with blocking_plugin.stream("POST", "/echo", body="hello") as response:
        assert (response.status, response.read().text) == (200, "hello")


def test_a_websocket_is_spoken(blocking_plugin: BlockingPlugin) -> None:
    with blocking_plugin.websocket("/ws") as ws:
        ws.send("text")
        assert ws.receive() == "text"
        ws.send("bye")
        with pytest.raises(WebSocketClosed, match="4000 bye"):
            ws.receive()
    with blocking_plugin.websocket("/ws") as ws:
        ws.close(4001)
    with blocking_plugin.websocket("/ws") as ws:
        ws.disconnect()
    assert isinstance(blocking_plugin.plugin, Sample)
    assert blocking_plugin.plugin.seen == ["activated", "closed 4001", "closed 1006"]


def test_hooks_are_fired(blocking_plugin: BlockingPlugin) -> None:
    assert blocking_plugin.fire("MessageWillBePosted", Post(message="HEY")) == modified(Post(message="hey"))
