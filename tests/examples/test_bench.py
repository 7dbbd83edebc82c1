"""The plugin in examples/bench, and its application by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from mattermost_plugin import Plugin


@pytest.fixture
def client(make_plugin: Callable[[str], Plugin]) -> TestClient:
    return TestClient(make_plugin("bench").asgi_app())


def test_the_plugin_adds_nothing_to_the_application(make_plugin: Callable[[str], Plugin]) -> None:
    plugin = make_plugin("bench")

    assert isinstance(plugin.app, Starlette)
    assert plugin.asgi_app() is plugin.app


def test_the_json_is_17_bytes(client: TestClient) -> None:
    answer = client.get("/json")

    assert answer.content == b'{"hello":"world"}'
    assert answer.headers["content-length"] == "17"


@pytest.mark.parametrize("n", [0, 65536, 100_000])
def test_as_many_bytes_come_as_were_asked_for(client: TestClient, n: int) -> None:
    answer = client.get(f"/bytes?n={n}")

    assert answer.content == bytes(n)
    assert answer.headers["content-length"] == str(n)


def test_an_upload_is_counted(client: TestClient) -> None:
    assert client.post("/upload", content=bytes(100_000)).json() == {"bytes": 100_000}


def test_as_many_events_come_as_were_asked_for(client: TestClient) -> None:
    answer = client.get("/sse?n=2")

    assert answer.text == "data: 0\n\ndata: 1\n\n"
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_as_much_cpu_is_burned_as_was_asked_for(client: TestClient) -> None:
    before = time.process_time()
    assert client.get("/burn?ms=20").json()["turns"] > 0

    assert time.process_time() - before >= 0.02


def test_events_hold_the_time_at_which_they_were_made(client: TestClient) -> None:
    before = time.monotonic_ns()
    answer = client.get("/clock?n=2&interval=0")

    first, second = (int(event.removeprefix("data: ")) for event in answer.text.split("\n\n")[:-1])
    assert before <= first <= second <= time.monotonic_ns()
