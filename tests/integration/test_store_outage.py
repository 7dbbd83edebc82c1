"""A gateway whose database is gone for a while: everybody is told so, and served again afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import grpc
import pytest

from mattermost_plugin import AsyncPluginAPIClient
from mattermost_plugin.exceptions import PluginAPIError
from support.client import fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

MEMBER = Path(__file__).parent / "plugins" / "member"
BASE = "/plugins/com.example.member"
SETTINGS = {
    "SERVEHTTP_WORKSPACE__ENABLED": "true",
    "SERVEHTTP_WORKSPACE__DATABASE_CHECK_INTERVAL": "0.05",
    "SERVEHTTP_SERVER__WORKERS": "2",
}


async def readiness(gateway: Gateway, wanted: int) -> object:
    """What /readyz tells of the workspace, once every worker has this status."""
    in_a_row = 0
    async with asyncio.timeout(PATIENCE):
        while in_a_row < 10:
            answer = await fetch(gateway.port, "/readyz?verbose")
            in_a_row = in_a_row + 1 if answer.status == wanted else 0
            await asyncio.sleep(0.01)
    return answer.json().get("workspace")


async def test_an_outage_is_503_for_clients_and_unavailable_for_plugins_and_readyz_tells(tmp_path: Path) -> None:
    async with running(MEMBER, "--data-dir", tmp_path, environment=SETTINGS) as gateway:
        bearer = ("authorization", f"Bearer {(tmp_path / 'admin-token').read_text().strip()}")
        target, _ = (await fetch(gateway.port, f"{BASE}/api")).json()
        file = tmp_path / "workspace.db"
        away = shutil.move(file, tmp_path / "away.db")

        told = await readiness(gateway, 503)
        assert told == f"{file} is gone, or another file is in its place: restart the gateway"
        answer = await fetch(gateway.port, "/api/v4/users/me", headers=[bearer])
        assert (answer.status, answer.header("retry-after")) == (503, "5")
        assert answer.json()["id"] == "api.store.unavailable.app_error"
        assert str(tmp_path) not in answer.body.decode()
        # Open to all, but what the token says is not known: nobody is anonymous because of an outage.
        assert (await fetch(gateway.port, "/api/v4/users/logout", "POST", [bearer])).status == 503
        assert (await fetch(gateway.port, f"{BASE}/me", headers=[bearer])).status == 503
        assert (await fetch(gateway.port, f"{BASE}/seen")).status == 200
        async with AsyncPluginAPIClient(target) as api:
            with pytest.raises(PluginAPIError) as refused:
                await api.kv_get("starts")
            assert refused.value.code is grpc.StatusCode.UNAVAILABLE

            os.replace(away, file)
            assert await readiness(gateway, 200) is None
            assert await api.kv_get("starts") == b"1"
        assert (await fetch(gateway.port, "/api/v4/users/me", headers=[bearer])).status == 200
        assert (await fetch(gateway.port, f"{BASE}/me", headers=[bearer])).json()["mattermost-user-id"] is not None
        assert await gateway.stop() == 0
