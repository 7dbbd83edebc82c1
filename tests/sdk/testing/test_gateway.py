"""The gateway in processes of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from servehttp.testing import Gateway, GatewayFailed, running_gateway
from support.patience import PATIENCE

EXAMPLES = Path(__file__).parents[3] / "examples"
HELLO = "com.example.hello"

fetch = build_opener(ProxyHandler({})).open


@pytest.mark.plugin_folder(EXAMPLES / "hello")
def test_a_plugin_is_served_in_processes(gateway: Gateway) -> None:
    assert gateway.plugins == {HELLO: "running"}
    for url in (gateway.plugin_url("/hello/world"), gateway.plugin_url("hello/world", plugin_id=HELLO)):
        with fetch(url, timeout=PATIENCE) as response:
            assert json.load(response) == {"hello": "world"}
    me = Request(f"{gateway.url}/api/v4/users/me", headers={"authorization": f"Bearer {gateway.admin_token}"})
    with fetch(me, timeout=PATIENCE) as response:
        assert json.load(response)["username"] == "admin"
    assert any(HELLO in line for line in gateway.lines)


def test_a_plugin_that_does_not_come_up_is_told_with_the_log(tmp_path: Path) -> None:
    (tmp_path / "plugin.json").write_bytes((EXAMPLES / "hello" / "plugin.json").read_bytes())
    (tmp_path / "plugin.py").write_text("raise SystemExit('no plugin here')")

    with pytest.raises(GatewayFailed, match="no plugin here"), running_gateway(tmp_path):
        pass


def test_a_gateway_that_ends_is_told_with_the_log(tmp_path: Path) -> None:
    with pytest.raises(GatewayFailed, match=r"the gateway ended:\n[^$]*has no manifest"), running_gateway(tmp_path):
        pass


def test_nothing_is_left(tmp_path: Path) -> None:
    with running_gateway(EXAMPLES / "hello") as gateway:
        pids = [int(line["pid"]) for line in map(json.loads, gateway.lines) if "pid" in line]
        data_dir = gateway.data_dir
    assert pids
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists() and _is_ours(pid)] == []
    assert not data_dir.exists()


def _is_ours(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
