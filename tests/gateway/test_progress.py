"""What is told while the gateway starts."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import signal
from collections.abc import Iterator

import pytest
import structlog

from servehttp import logs
from servehttp.build import REMEDY, describe_build, is_compiled
from servehttp.plugins.replicas import ReplicatedPlugin
from servehttp.plugins.states import PluginState
from servehttp.progress import report_start, report_stop
from servehttp.settings.server import LogSettings
from servehttp.workspace.settings import Settings
from support.handles import IdlePlugin
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:8065"


class Output(io.StringIO):
    """A stream that lets a test wait for what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._written = asyncio.Event()

    def write(self, text: str) -> int:
        self._written.set()
        return super().write(text)

    async def wait_for(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in self.getvalue():
                self._written.clear()
                await self._written.wait()


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


async def test_each_plugin_is_told_as_it_comes_up_and_then_the_urls() -> None:
    slow, quick = IdlePlugin("com.example.slow", PluginState.STARTING), IdlePlugin("com.a", PluginState.STARTING)
    output = Output()
    async with asyncio.timeout(PATIENCE):
        report = asyncio.create_task(report_start([slow, quick], URL, "console", output))
        quick.state, quick.started_in = PluginState.RUNNING, 0.314
        await output.wait_for("com.a")
        assert output.getvalue() == "✓ com.a             running     0.31 s\n"
        slow.state, slow.reason = PluginState.FAILED, "exit code 1:\nboom \x1b[31m"
        await report
    assert output.getvalue().splitlines()[1:] == [
        r"✗ com.example.slow  failed      exit code 1:\nboom \x1b[31m",
        f"Serving on {URL} ({describe_build()})",
        f"  {URL}/plugins/com.a/",
        "Press Ctrl-C to stop.",
    ]


async def test_a_gateway_without_a_plugin_says_how_to_install_one() -> None:
    output = Output()
    await report_start([], URL, "console", output)
    assert "servehttp plugin install --enable FILE" in output.getvalue()


async def test_a_plugin_that_is_tried_again_is_told_with_the_reason() -> None:
    output = Output()
    plugin = IdlePlugin("com.a", PluginState.RESTARTING, "no handshake within 10 s")
    await report_start([plugin], URL, "console", output)
    assert output.getvalue().startswith("… com.a  restarting  no handshake within 10 s\n")


async def test_a_plugin_with_several_processes_is_told_when_all_have_come_up_or_failed() -> None:
    parts = [IdlePlugin("com.a", PluginState.STARTING, number=number) for number in (1, 2)]
    output, other = Output(), IdlePlugin("com.b", PluginState.STARTING)
    async with asyncio.timeout(PATIENCE):
        report = asyncio.create_task(report_start([ReplicatedPlugin("com.a", parts), other], URL, "console", output))
        parts[0].become(PluginState.RUNNING)
        other.become(PluginState.RUNNING)
        await output.wait_for("com.b")
        assert "com.a" not in output.getvalue()
        parts[1].become(PluginState.FAILED, "exited with code 1")
        await report
    assert output.getvalue().splitlines()[1] == (
        "✓ com.a  running     1 of 2 replicas run; [2] is failed: exited with code 1"
    )


async def test_a_long_reason_is_cut_in_its_middle() -> None:
    output = Output()
    reason = f"exited with code 1; last on stderr: Traceback {'long ' * 1000} | ValueError: no database"
    await report_start([IdlePlugin("com.a", PluginState.FAILED, reason)], URL, "console", output)
    first = output.getvalue().splitlines()[0]
    assert "exited with code 1; last on stderr: Traceback" in first
    assert first.endswith(" | ValueError: no database")
    assert len(first) < 200


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGINT, "Ctrl-C again stops at once."), (signal.SIGTERM, "Ctrl-C stops at once.")],
)
def test_a_stop_says_how_long_it_may_take(number: signal.Signals, said: str) -> None:
    output = Output()
    report_stop(number, Settings(log=LogSettings(format="console")), output)
    assert output.getvalue() == f"Stopping ({number.name}): what is open may go on for 10 s. {said}\n"


async def test_the_urls_are_told_when_what_serves_them_is_there() -> None:
    output, there = Output(), asyncio.Event()

    async def serving() -> None:
        output.write("waits\n")
        await there.wait()
        output.write("waited\n")

    async with asyncio.timeout(PATIENCE):
        report = asyncio.create_task(
            report_start([IdlePlugin("com.a", PluginState.RUNNING)], URL, "console", output, serving)
        )
        await output.wait_for("waits")
        there.set()
        await report
    assert [line.split()[0] for line in output.getvalue().splitlines()[:4]] == ["✓", "waits", "waited", "Serving"]


async def test_with_json_logs_it_is_one_record() -> None:
    output = Output()
    logs.configure(LogSettings(format="json"), output)
    await report_start([IdlePlugin("com.a", PluginState.RUNNING)], URL, "json", output)
    record = json.loads(output.getvalue())
    assert (record["event"], record["url"], record["plugins"]) == ("serving", URL, {"com.a": "running"})
    assert (record["build"], record.get("remedy")) == (("compiled", None) if is_compiled() else ("pure", REMEDY))
