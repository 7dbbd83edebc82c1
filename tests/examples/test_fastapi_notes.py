"""The plugin in examples/fastapi_notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from mattermost_plugin import Plugin

PREFIX = "/plugins/com.example.notes"
FIRST = {"id": 1, "text": "Notes are kept until the plugin stops."}


@pytest.fixture
def client(make_plugin: Callable[[str], Plugin]) -> Iterator[TestClient]:
    app = make_plugin("fastapi_notes").asgi_app()
    with TestClient(app, base_url=f"http://testserver{PREFIX}", root_path=PREFIX) as client:
        yield client


def test_there_is_a_note_to_begin_with(client: TestClient) -> None:
    assert client.get("/notes").json() == [FIRST]
    assert client.get("/notes/1").json() == FIRST


def test_a_note_is_written_read_changed_and_thrown_away(client: TestClient) -> None:
    created = client.post("/notes", json={"text": "Buy milk"})
    location = created.headers["location"]
    assert (created.status_code, created.json()) == (201, {"id": 2, "text": "Buy milk"})
    assert location == f"http://testserver{PREFIX}/notes/2"

    assert client.get(location).json() == {"id": 2, "text": "Buy milk"}
    assert client.put(location, json={"text": "Buy oat milk"}).json() == {"id": 2, "text": "Buy oat milk"}
    assert client.get("/notes").json() == [FIRST, {"id": 2, "text": "Buy oat milk"}]

    assert client.delete(location).status_code == 204
    assert client.get(location).status_code == 404
    assert client.get("/notes").json() == [FIRST]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_note_that_is_not_there_is_not_found(client: TestClient, method: str) -> None:
    answer = client.request(method, "/notes/9", json={"text": "?"})

    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no note 9."})


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "x" * 10_001}, {"text": 1}])
def test_a_note_without_a_proper_text_is_refused(client: TestClient, body: object) -> None:
    assert client.post("/notes", json=body).status_code == 422


def test_the_documentation_knows_its_prefix(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()

    assert schema["servers"] == [{"url": PREFIX}]
    assert sorted(schema["paths"]) == ["/notes", "/notes/{note_id}"]
    assert f"{PREFIX}/openapi.json" in client.get("/docs").text
