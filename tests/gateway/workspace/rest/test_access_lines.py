"""Requests to the REST API are lines of the access log, with their route and who asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from structlog.testing import capture_logs

from mattermost_plugin.origin import here
from mattermost_plugin.types import Event, Receive, Scope, Send
from servehttp.request_lines import CLIENT_GONE
from servehttp.workspace.rest import make_rest
from servehttp.workspace.rest.access_lines import AccessLines
from servehttp.workspace.settings import RestSettings
from servehttp.workspace.workspace import Workspace
from support.rest import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http(ws: Workspace) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=make_rest(ws, RestSettings(), lines=True))
    async with httpx2.AsyncClient(transport=transport, base_url="http://workspace.test") as client:
        yield client


async def test_a_line_has_route_user_sizes_and_the_id_that_the_answer_has(
    ada: Client, http: httpx2.AsyncClient
) -> None:
    token = await ada.http.get("/api/v4/system/ping", headers={"X-Request-Id": "r-1"})
    assert token.headers["x-request-id"] == "r-1"
    with capture_logs() as logs:
        answer = await ada("GET", f"/users/{ada.user.id}")
        refused = await http.get("/api/v4/users/me")
        nothing = await http.get("/api/v4/no/such/thing")
    known, unknown, nowhere = [log for log in logs if log["event"].startswith("GET ")]
    assert answer.status_code == 200
    assert known["event"] == f"GET /api/v4/users/{ada.user.id}"
    assert (known["route"], known["user"], known["status"]) == ("/api/v4/users/{user_id}", ada.user.id, 200)
    assert known["bytes_out"] > 100
    assert (unknown["status"], unknown["bytes_out"]) == (401, len(refused.content))
    assert unknown["request_id"] == refused.headers["x-request-id"]
    assert "user" not in unknown
    assert (nowhere["status"], nowhere["request_id"]) == (404, nothing.headers["x-request-id"])
    assert "route" not in nowhere


async def test_a_request_is_known_by_its_id_while_it_is_served_and_a_client_that_goes_is_told_of() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(here().request_id)
        while (await receive())["type"] != "http.disconnect":
            pass

    async def receive() -> Event:
        return {"type": "http.disconnect"}

    async def send(event: Event) -> None:
        raise AssertionError("nothing is sent")

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [(b"x-request-id", b"r-2")], "client": None}
    with capture_logs() as logs:
        await AccessLines(app, write=True)(scope, receive, send)
    assert seen == ["r-2"]
    assert [(log["request_id"], log["status"], log["problem"]) for log in logs] == [("r-2", 0, CLIENT_GONE)]
