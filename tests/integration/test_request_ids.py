"""One id for a request, in the response, in the gateway's log, and in what the plugin says meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.client import fetch
from support.gateway import running

pytestmark = pytest.mark.anyio

PROGRAM = """
import logging

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get
from starlette.responses import JSONResponse


class Talkative(Plugin):
    @get("/id")
    async def id(self, request):
        logging.getLogger("talkative").warning("asked")
        found = request.scope["extensions"]["servehttp.request_id"]["id"]
        return JSONResponse({"id": found, "headers": sorted(request.headers)})

    @get("/broken")
    async def broken(self, request):
        raise RuntimeError("on purpose")


run_plugin(Talkative)
"""


@pytest.mark.parametrize("transport", ["tunnel", "servehttp"])
async def test_a_request_has_one_id_everywhere(tmp_path: Path, transport: str) -> None:
    (tmp_path / "plugin.json").write_text(
        '{"id": "com.example.talkative", "server": {"runtime": "python", "executable": "plugin.py"}}'
    )
    (tmp_path / "plugin.py").write_text(PROGRAM)
    environment = {"SERVEHTTP_PLUGINS__TRANSPORT": transport}
    async with running(tmp_path, environment=environment) as gateway:
        answer = await fetch(gateway.port, "/plugins/com.example.talkative/id")
        seen = answer.json()
        assert seen["id"] == answer.header("x-request-id")
        assert seen["headers"] == ["host"], "nothing that the client did not send"
        said = await gateway.log(lambda log: log["event"] == "asked")
        assert said["request_id"] == seen["id"]
        assert (await gateway.log(lambda log: log["event"] == "GET /plugins/com.example.talkative/id"))[
            "request_id"
        ] == seen["id"]
        answer = await fetch(
            gateway.port, "/plugins/com.example.talkative/broken", headers=[("X-Request-Id", "mine-1")]
        )
        assert (answer.status, answer.header("x-request-id")) == (500, "mine-1")
        trace = await gateway.log(lambda log: "on purpose" in str(log))
        assert trace["request_id"] == "mine-1"
