"""One trace from the client's request through gateway and plugin to an API call and the hook that follows of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.client import fetch
from support.gateway import running
from support.patience import PATIENCE
from support.traces import CLIENT, TRACE, TRACEPARENT, collecting

pytestmark = pytest.mark.anyio

ID = "com.example.maker"
PROBE = """
import sys

import mattermost_plugin.server
import servehttp.app

print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
PROGRAM = """
from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.models import User
from mattermost_plugin.routing import get
from starlette.responses import PlainTextResponse


class Maker(Plugin):
    @hook(HookName.UserHasBeenCreated)
    async def created(self, context, user):
        self.logger.warning("created")

    @get("/make")
    async def make(self, request):
        await self.async_api.create_user(User(username="made", email="made@example.com", password="Passw0rd!"))
        return PlainTextResponse("made")


run_plugin(Maker)
"""


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_trace_goes_from_the_client_to_the_hook(tmp_path: Path, workers: str) -> None:
    folder = tmp_path / "maker"
    folder.mkdir()
    manifest = {"id": ID, "server": {"runtime": "python", "executable": "plugin.py"}}
    (folder / "plugin.json").write_text(json.dumps(manifest))
    (folder / "plugin.py").write_text(PROGRAM)
    async with collecting() as collector:
        environment = {
            "SERVEHTTP_TRACING__ENABLED": "true",
            "SERVEHTTP_WORKSPACE__ENABLED": "true",
            "SERVEHTTP_DATA_DIR": str(tmp_path / "data"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        async with running(folder, "--workers", workers, environment=environment) as gateway:
            headers = [("traceparent", TRACEPARENT), ("X-Request-Id", "r-7")]
            assert (await fetch(gateway.port, f"/plugins/{ID}/make", headers=headers)).status == 200
            parent = bytes.fromhex(CLIENT)
            for service, name in (
                ("servehttp", f"GET {ID}"),
                (ID, "GET"),
                (ID, "api CreateUser"),
                ("servehttp", "api CreateUser"),
                ("servehttp", "hook UserHasBeenCreated"),
                (ID, "hook UserHasBeenCreated"),
            ):
                span = await collector.named(service, name)
                assert (span.trace_id.hex(), span.parent_span_id) == (TRACE, parent), (service, name)
                parent = span.span_id
            said = await gateway.log(lambda log: log["event"] == "created")
            assert said["request_id"] == "r-7"
            answer = await fetch(gateway.port, "/api/v4/users/me", headers=[("X-Request-Id", "r-8")])
            line = await gateway.log(lambda log: log["event"] == "GET /api/v4/users/me")
            assert (line["request_id"], line["status"], line["bytes_out"]) == ("r-8", 401, len(answer.body))
            assert await gateway.stop() == 0
            assert [log["request_id"] for log in gateway.logs if log["event"] == "GET /api/v4/users/me"] == ["r-8"]


def test_where_nothing_is_traced_the_library_is_not_imported() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == "[]\n"
