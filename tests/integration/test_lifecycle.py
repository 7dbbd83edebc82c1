"""Real processes: plugins that die, hang, flood and lie, and a gateway that is told to stop, or is killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed

from support.client import Answer, Broken, connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

SUBJECT = Path(__file__).parent / "plugins" / "subject"
EXAMPLES = Path(__file__).parents[2] / "examples"
BASE = "/plugins/com.example.subject"

QUICK = {
    "SERVEHTTP_PLUGINS__RESTART_DELAY": "0.1",
    "SERVEHTTP_PLUGINS__START_TIMEOUT": "20",
    "SERVEHTTP_SERVER__DRAIN_TIMEOUT": "1",
    "SERVEHTTP_PLUGINS__DRAIN_TIMEOUT": "1",
    "SERVEHTTP_PLUGINS__STOP_TIMEOUT": "1",
}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with running(SUBJECT, environment=QUICK) as gateway:
        yield gateway


def write_plugin(folder: Path, program: str, name: str = "com.example.bad", **server: str) -> Path:
    """A plugin folder with a program in it."""
    folder = folder / name
    folder.mkdir()
    manifest = {"id": name, "server": {"runtime": "python", "executable": "plugin.py", **server}}
    (folder / "plugin.json").write_text(json.dumps(manifest))
    (folder / "plugin.py").write_text(textwrap.dedent(program))
    return folder


async def pid(gateway: Gateway) -> int:
    answer = await fetch(gateway.port, f"{BASE}/pid")
    assert answer.status == 200
    return int(answer.json())


async def back(gateway: Gateway, within: float = PATIENCE) -> int:
    """Waits until the plugin answers again; returns its process."""
    async with asyncio.timeout(within):
        while True:
            answer = await fetch(gateway.port, f"{BASE}/pid")
            if answer.status == 200:
                gateway.below()
                return int(answer.json())
            assert answer.status in (502, 503), answer
            await asyncio.sleep(0.05)


async def state(gateway: Gateway, id: str = "com.example.subject") -> dict[str, object]:
    plugins = (await fetch(gateway.port, "/readyz?verbose")).json()["plugins"]
    return next(plugin for plugin in plugins if plugin["id"] == id)


# A plugin that dies


async def test_a_plugin_killed_in_mid_response_breaks_the_response_and_comes_back(gateway: Gateway) -> None:
    before = await pid(gateway)
    async with connect(gateway.port) as client:
        await client.start("GET", f"{BASE}/events")
        await client.end()
        await client.head()
        await client.piece()
        os.kill(before, signal.SIGKILL)
        with pytest.raises(Broken):
            await client.rest()
    assert await back(gateway) != before


async def test_a_plugin_killed_before_its_response_is_a_502_and_comes_back(gateway: Gateway) -> None:
    before = await pid(gateway)
    async with connect(gateway.port) as client:
        await client.start("GET", f"{BASE}/watch")
        await client.end()
        while "watch begun" not in (await fetch(gateway.port, f"{BASE}/seen")).json():
            await asyncio.sleep(0.01)
        os.kill(before, signal.SIGKILL)
        answer = await client.answer()
    assert answer.status == 502
    assert await back(gateway) != before


async def test_a_plugin_killed_while_idle_comes_back(gateway: Gateway) -> None:
    before = await pid(gateway)
    os.kill(before, signal.SIGKILL)
    assert await back(gateway) != before
    assert (await state(gateway))["restarts"] == 1


async def test_a_plugin_that_exits_leaves_its_last_words(gateway: Gateway) -> None:
    answer = await fetch(gateway.port, f"{BASE}/die")
    assert answer.status == 502
    await back(gateway)
    text = str(gateway.logs)
    assert "last words" in text
    assert "7" in text


async def test_a_plugin_that_crashes_is_reported_with_the_signal_and_the_place(gateway: Gateway) -> None:
    assert (await fetch(gateway.port, f"{BASE}/crash")).status == 502
    await back(gateway)
    text = str(gateway.logs)
    assert "was killed by SIGSEGV" in text
    assert "Fatal Python error: Segmentation fault" in text
    assert " in crash" in text


async def test_a_plugin_that_keeps_dying_stays_down_visibly() -> None:
    async with running(SUBJECT, environment={**QUICK, "SERVEHTTP_PLUGINS__RESTART_LIMIT": "2"}) as gateway:
        for _ in range(2):
            await back(gateway)
            assert (await fetch(gateway.port, f"{BASE}/die")).status == 502
        async with asyncio.timeout(PATIENCE):
            while (await state(gateway))["state"] != "failed":
                await asyncio.sleep(0.05)
        assert (await fetch(gateway.port, f"{BASE}/pid")).status == 404
        assert (await state(gateway))["reason"]
        assert await gateway.stop() == 0
        await gateway.wait_gone()


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; print('oh no', file=sys.stderr); sys.exit(3)", r"oh no"),
        ("raise RuntimeError('broken at import')", r"broken at import"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"SIGKILL"),
        ("print('1|1|tcp|127.0.0.1:1|netrpc', flush=True); import time; time.sleep(1000)", r"netrpc|protocol"),
        ("print('1|9|tcp|127.0.0.1:1|grpc', flush=True); import time; time.sleep(1000)", r"version"),
    ],
    ids=["exits", "raises", "is killed", "wrong protocol", "wrong version"],
)
async def test_a_plugin_that_does_not_start_says_why_and_the_others_serve(
    tmp_path: Path, program: str, why: str
) -> None:
    bad = write_plugin(tmp_path, program)
    # One failure is enough here, and the good plugin is given the time that the bad one takes to give up.
    environment = {**QUICK, "SERVEHTTP_PLUGINS__RESTART_LIMIT": "1", "SERVEHTTP_PLUGINS__START_TIMEOUT": "8"}
    async with running(SUBJECT, bad, environment=environment) as gateway:
        assert (await fetch(gateway.port, f"{BASE}/pid")).status == 200
        broken = await state(gateway, "com.example.bad")
        assert broken["state"] == "failed"
        assert re.search(why, str(broken["reason"])), broken
        assert await gateway.stop() == 0
        await gateway.wait_gone()


async def test_a_plugin_that_hangs_at_its_start_is_tried_again_beside_those_that_serve(tmp_path: Path) -> None:
    """A time-out counts half a failure: the next start may take longer."""
    bad = write_plugin(tmp_path, "print('hello'); import time; time.sleep(1000)")
    environment = {
        **QUICK,
        "SERVEHTTP_PLUGINS__RESTART_LIMIT": "1",
        "SERVEHTTP_PLUGINS__RESTART_DELAY": "30",
        "SERVEHTTP_PLUGINS__START_TIMEOUT": "8",
    }
    async with running(SUBJECT, bad, environment=environment) as gateway:
        assert (await fetch(gateway.port, f"{BASE}/pid")).status == 200
        broken = await state(gateway, "com.example.bad")
        assert broken["state"] == "restarting"
        assert re.search(r"hello|time|within", str(broken["reason"])), broken
        assert await gateway.stop() == 0
        await gateway.wait_gone()


async def test_an_on_activate_that_refuses_is_reported_with_its_text(tmp_path: Path) -> None:
    refusing = write_plugin(
        tmp_path,
        """
        from mattermost_plugin import HookName, Plugin, hook, run_plugin

        class Refusing(Plugin):
            @hook(HookName.OnActivate)
            def no(self):
                raise RuntimeError("the moon is not full")

        run_plugin(Refusing)
        """,
    )
    async with running(refusing, environment={**QUICK, "SERVEHTTP_PLUGINS__RESTART_LIMIT": "1"}) as gateway:
        assert "the moon is not full" in str((await state(gateway, "com.example.bad"))["reason"])


# A plugin that misbehaves


async def test_what_a_plugin_prints_and_logs_reaches_the_log_and_breaks_nothing(gateway: Gateway) -> None:
    assert (await fetch(gateway.port, f"{BASE}/print?text=hello-there")).body == b"said"
    printed = await gateway.log(lambda log: log["event"] == "hello-there")
    logged = await gateway.log(lambda log: log["event"] == "logged hello-there")
    assert printed["plugin"] == logged["plugin"] == "com.example.subject"
    assert (printed["level"], logged["level"]) == ("info", "warning")
    await gateway.log(lambda log: log["event"] == "printed at import")


async def test_a_flood_on_stderr_costs_neither_memory_nor_the_next_request(gateway: Gateway) -> None:
    process = psutil.Process(gateway.pid)
    before = process.memory_info().rss
    answer = await asyncio.wait_for(fetch(gateway.port, f"{BASE}/flood?n={32 * 1024 * 1024}"), PATIENCE)
    assert answer.body == b"flooded"
    assert process.memory_info().rss - before < 32 * 1024 * 1024
    assert (await fetch(gateway.port, f"{BASE}/pid")).status == 200


async def test_a_plugin_gets_only_the_environment_that_is_on_the_list() -> None:
    environment = {**QUICK, "DB_PASSWORD": "secret", "MY_SETTING": "1", "SERVEHTTP_PLUGINS__ENV_ALLOW": "MY_*"}
    async with running(SUBJECT, environment=environment) as gateway:
        seen = (await fetch(gateway.port, f"{BASE}/environment")).json()
    assert "DB_PASSWORD" not in seen
    assert not [name for name in seen if name.startswith("SERVEHTTP")]
    assert seen["MY_SETTING"] == "1"
    assert seen["MATTERMOST_PLUGIN_ID"] == "com.example.subject"
    assert seen["MATTERMOST_PLUGIN_PATH"] == str(SUBJECT)


async def test_configuration_comes_before_activation(gateway: Gateway) -> None:
    assert (await fetch(gateway.port, f"{BASE}/seen")).json()[:2] == ["OnConfigurationChange", "OnActivate"]


async def test_a_plugin_that_is_frozen_is_noticed_and_replaced() -> None:
    environment = {
        **QUICK,
        "SERVEHTTP_PLUGINS__HEALTH_INTERVAL": "0.3",
        "SERVEHTTP_PLUGINS__HEALTH_TIMEOUT": "1",
        "SERVEHTTP_PLUGINS__HEALTH_FAILURES": "1",
    }
    async with running(SUBJECT, environment=environment) as gateway:
        before = await pid(gateway)
        os.kill(before, signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE):
            while (await state(gateway))["restarts"] == 0:
                await asyncio.sleep(0.05)
        assert await back(gateway) != before


# Stopping


async def open_streams(gateway: Gateway) -> list[asyncio.Task[Answer]]:
    async def listen() -> Answer:
        async with connect(gateway.port) as client:
            await client.start("GET", f"{BASE}/events")
            await client.end()
            answer = await client.head()
            try:
                await client.rest()
            except Broken:
                answer.body = b"broken"
            return answer

    tasks = [asyncio.create_task(listen()) for _ in range(3)]
    while "events begun" not in (await fetch(gateway.port, f"{BASE}/seen")).json():
        await asyncio.sleep(0.02)
    return tasks


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_stop_is_told_with_its_signal_and_the_time_it_may_take(workers: str) -> None:
    async with running(SUBJECT, "--workers", workers, environment=QUICK, terminal=True) as gateway:
        assert await gateway.stop(signal.SIGHUP) == 0  # as where a terminal is lost
    [told] = [log for log in gateway.logs if log["event"] == "stopping"]
    assert (told["signal"], told["drain_timeout"]) == ("SIGHUP", float(QUICK["SERVEHTTP_SERVER__DRAIN_TIMEOUT"]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda it: it.name)
async def test_a_stop_with_open_streams_ends_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    note = tmp_path / "note"
    environment = {**QUICK, "SUBJECT_NOTE": str(note), "SERVEHTTP_PLUGINS__ENV_ALLOW": "SUBJECT_NOTE"}
    async with running(SUBJECT, environment=environment) as gateway:
        streams = await open_streams(gateway)
        async with connect_websocket(f"ws://127.0.0.1:{gateway.port}{BASE}/ws") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            assert await gateway.stop(number) == 0
            with pytest.raises(ConnectionClosed):
                await ws.recv()
        for answer in await asyncio.gather(*streams):
            assert answer.body == b"broken"
        await gateway.wait_gone()
    assert note.read_text() == "OnDeactivate"


PATIENT = {**QUICK, "SERVEHTTP_SERVER__DRAIN_TIMEOUT": "600", "SERVEHTTP_PLUGINS__DRAIN_TIMEOUT": "600"}
"""So patient that a stop which waits for it fails."""


async def stopped_with(path: str, environment: dict[str, str]) -> tuple[bytes, str]:
    """What a client of an event stream gets while the gateway stops, and what the access log says of it."""
    async with running(SUBJECT, environment=environment) as gateway:
        async with connect(gateway.port) as client:
            await client.start("GET", f"{BASE}{path}")
            await client.end()
            await client.head()
            received = await client.piece() or b""
            assert await gateway.stop() == 0
            try:
                received += await client.rest()
            except Broken:
                received += b"broken"
        (line,) = [entry for entry in gateway.logs if entry["event"].startswith(f"GET {BASE}{path}")]
        return received, line.get("problem", "")


async def test_a_stream_that_waits_for_a_disconnect_is_told_of_the_stop() -> None:
    received, problem = await stopped_with("/listening", PATIENT)
    assert received == b"data: hello\n\nbroken"
    assert problem == "the stream has no end, and the server stops"


async def test_an_application_that_awaits_the_stop_says_goodbye() -> None:
    assert await stopped_with("/farewell", PATIENT) == (b"data: hello\n\ndata: goodbye\n\n", "")


async def test_a_stream_that_goes_on_is_cut_when_the_time_is_over() -> None:
    received, problem = await stopped_with("/events", QUICK)
    assert received.endswith(b"broken")
    assert problem == "the gateway stopped, and its time to drain was over"


async def test_sigkill_of_the_gateway_ends_its_plugins_within_two_seconds(gateway: Gateway) -> None:
    folder = await socket_folder(gateway)
    assert folder.exists()
    await gateway.stop(signal.SIGKILL)
    await gateway.wait_gone()
    assert not folder.exists()


async def socket_folder(gateway: Gateway) -> Path:
    environment = (await fetch(gateway.port, f"{BASE}/environment")).json()
    return Path(environment["PLUGIN_UNIX_SOCKET_DIR"])


async def test_only_the_gateways_user_can_reach_a_plugin(gateway: Gateway) -> None:
    folder = await socket_folder(gateway)
    assert folder.stat().st_mode & 0o777 == 0o700


# Attached plugins


async def test_an_attached_plugin_is_served_reconnected_to_and_never_killed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    target = f"unix:{path}"
    first = await start_by_hand(target)
    async with running("--attach", f"com.example.subject={target}", environment=QUICK) as gateway:
        assert await back(gateway) == first.pid
        first.terminate()
        await first.wait()
        assert (await fetch(gateway.port, f"{BASE}/pid")).status in (502, 503)
        second = await start_by_hand(target)
        assert await back(gateway) == second.pid
        assert await gateway.stop() == 0
        assert second.returncode is None
        second.terminate()
        assert await second.wait() == 0


async def start_by_hand(target: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "plugin.py", "--listen", target, cwd=SUBJECT, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while target.removeprefix("unix:").encode() not in (line := await process.stderr.readline()):
            assert line, "the plugin ended"
    return process


# The command


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_bad_manifest_is_one_line_and_shown_and_the_others_serve(tmp_path: Path, workers: int) -> None:
    bad = write_plugin(tmp_path, "", runtime="go")
    async with running(SUBJECT, bad, "--workers", str(workers), environment=QUICK) as gateway:
        assert (await fetch(gateway.port, f"{BASE}/pid")).status == 200
        await gateway.log(lambda log: "plugin.json" in log["event"] and "runtime" in log["event"])
        refused = await state(gateway, "com.example.bad")
        assert refused["state"] == "failed"
        assert str(bad / "plugin.json") in str(refused["reason"])
        assert (await fetch(gateway.port, "/plugins/com.example.bad/")).status == 404
        assert (await fetch(gateway.port, "/readyz")).status == 200


async def test_with_no_plugin_left_the_exit_code_is_3(tmp_path: Path) -> None:
    bad = write_plugin(tmp_path, "", runtime="go")
    async with running(bad, serving=False) as gateway:
        async with asyncio.timeout(PATIENCE):
            assert await gateway.process.wait() == 3


@pytest.mark.parametrize("parser", ["h11", "httptools"])
async def test_either_parser_serves_the_examples(parser: str, tmp_path: Path) -> None:
    with_workspace = {"SERVEHTTP_WORKSPACE__ENABLED": "true"}
    async with running(EXAMPLES, "--http", parser, "--data-dir", tmp_path, environment=with_workspace) as gateway:
        answer = await fetch(gateway.port, "/plugins/com.example.hello/hello/world")
    assert answer.json() == {"hello": "world"}
