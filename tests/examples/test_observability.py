"""The examples for Prometheus and Grafana ask for what there is."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import yaml

from servehttp.figures import Counts, Figures
from servehttp.metrics.families import families
from support.client import fetch
from support.gateway import running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parents[2] / "examples" / "observability"
SUBJECT = Path(__file__).parents[1] / "integration" / "plugins" / "subject"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule["expr"] for rule in RULES}
PANELS = {
    f"{panel['title']} {target['refId']}": target["expr"].replace("$plugin", ".*").replace("$__rate_interval", "1m")
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    for target in panel["targets"]
}
NAME = re.compile(r"\b(?:servehttp|http_server)_[a-z_]+\b")
SUFFIXES = ("", "_total", "_bucket", "_count", "_sum")

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus or promtool is missing: install the Debian package prometheus",
)


def test_every_name_in_them_is_a_metric_of_the_gateway() -> None:
    nothing = Figures()
    told = {f"{family.name}{end}" for family in families(Counts(nothing, nothing), [], {}, nothing) for end in SUFFIXES}
    asked = {name for query in (*ALERTS.values(), *PANELS.values()) for name in NAME.findall(query)}
    assert len(asked) > 10
    assert asked <= told


def test_every_alert_says_what_is_wrong_and_how_urgent_it_is() -> None:
    for rule in RULES:
        assert rule["annotations"]["summary"].endswith((".", "}}")), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")


@needs_prometheus
def test_promtool_finds_nothing_wrong() -> None:
    done = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=FOLDER, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@asynccontextmanager
async def prometheus(folder: Path, port: int, target: str) -> AsyncIterator[None]:
    """Prometheus as the example configures it, but for the gateway's address, and in a hurry."""
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    configuration["global"]["scrape_interval"] = "1s"
    configuration["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    configuration["rule_files"] = []
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while not await is_ready(port):
                await asyncio.sleep(0.1)
        yield
    finally:
        process.kill()
        await process.wait()


async def is_ready(port: int) -> bool:
    try:
        return (await fetch(port, "/-/ready")).status == 200
    except OSError:  # it does not listen yet
        return False


async def asked(port: int, query: str) -> Any:
    answer = await fetch(port, f"/api/v1/query?query={quote(query)}")
    assert answer.status == 200, (query, answer.body)
    return answer.json()["data"]["result"]


@needs_prometheus
async def test_prometheus_answers_every_query_of_them(tmp_path: Path, free_port: int) -> None:
    async with running(SUBJECT, "--metrics", "127.0.0.1:0") as gateway:
        line = await gateway.log(lambda log: log["event"] == "figures are told")
        async with prometheus(tmp_path, free_port, urlsplit(line["url"]).netloc), asyncio.timeout(2 * PATIENCE):
            rate = PANELS["Requests A"]
            while True:
                await fetch(gateway.port, "/plugins/com.example.subject/pid")
                if any(float(sample["value"][1]) > 0 for sample in await asked(free_port, rate)):
                    break
                await asyncio.sleep(0.1)
            for query in (*ALERTS.values(), *PANELS.values()):
                await asked(free_port, query)
            assert await asked(free_port, PANELS["Memory A"])
            assert not await asked(free_port, ALERTS["GatewayAway"])
