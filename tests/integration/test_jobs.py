"""Jobs of a plugin that runs in several processes, one of which ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from support.client import fetch
from support.gateway import running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

MANIFEST = {
    "id": "com.example.jobs",
    "server": {"runtime": "python", "executable": "plugin.py"},
    "props": {"replicas": 2},
}
PROGRAM = """
import asyncio, os
from mattermost_plugin import Plugin, every, run_plugin
from mattermost_plugin.routing import get
from starlette.responses import JSONResponse

class Jobs(Plugin):
    @every(1)
    async def work(self):
        begun = await self.async_api.kv_compare_and_set("running", None, str(os.getpid()).encode())
        await self.async_api.kv_set(f"ran {os.getpid()}" if begun else "overlapped", b"yes")
        try:
            await asyncio.sleep(0.1)
        finally:
            await self.async_api.kv_delete("running")

    @get("/keys")
    async def keys(self, request):
        return JSONResponse(await self.async_api.kv_list())

if __name__ == "__main__":
    run_plugin(Jobs)
"""


async def test_processes_of_one_plugin_take_turns_at_a_job(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    (folder / "plugin.json").write_text(json.dumps(MANIFEST))
    (folder / "plugin.py").write_text(PROGRAM)
    environment = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_PLUGINS__RESTART_DELAY": "0.1"}
    async with running(folder, "--data-dir", str(tmp_path / "data"), environment=environment) as gateway:

        async def ran() -> set[int]:
            answer = await fetch(gateway.port, "/plugins/com.example.jobs/keys")
            keys = answer.json() if answer.status == 200 else []  # one of them is about to end
            return {int(key.split()[1]) for key in keys if key.startswith("ran ")}

        async with asyncio.timeout(PATIENCE):
            while not (first := await ran()):
                await asyncio.sleep(0.05)
            answer = await fetch(gateway.port, "/plugins/com.example.jobs/keys")
            assert "overlapped" not in answer.json()  # later it may be: who is ended at work leaves its mark
            for pid in first:  # it waits for its next turn: the other one, or its successor, takes over
                os.kill(pid, signal.SIGTERM)
            while not await ran() - first:
                await asyncio.sleep(0.05)
        assert await gateway.stop() == 0
