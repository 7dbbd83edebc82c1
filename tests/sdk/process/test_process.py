"""A plugin as a process: `python plugin.py`, started as a go-plugin host starts it, and by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty as GoogleEmpty
from grpc_health.v1 import health_pb2

import mattermost_plugin
from mattermost_plugin.grpc import goplugin_pb2_grpc
from mattermost_plugin.grpc.goplugin_pb2 import Empty
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import OnActivateRequest, OnConfigurationChangeRequest
from mattermost_plugin.handshake import MAGIC_COOKIE_KEY, MAGIC_COOKIE_VALUE, Handshake
from support.patience import PATIENCE
from support.plugin_host import Host

pytestmark = pytest.mark.anyio

TIMEOUT = PATIENCE

PLUGIN = """
from mattermost_plugin import Plugin, hook, run_plugin
print("printed at import")
import asyncio, os, subprocess, sys, threading
from starlette.responses import PlainTextResponse, StreamingResponse
from mattermost_plugin.routing import get
print("and again")
subprocess.run([sys.executable, "-c", "import os; print('child', 'MATTERMOST_PLUGIN' in os.environ)"], check=True)

class Example(Plugin):
    @hook
    async def OnActivate(self):
        print("activated", flush=True)
        self.logger.info("logged", extra={"answer": 42})
        try:
            raise LookupError("nothing there")
        except LookupError:
            self.logger.exception("with a trace")

    @hook
    def OnConfigurationChange(self):
        threading.Event().wait()

    @get("/say/{text}")
    async def say(self, request):
        print("said", request.path_params["text"])
        return PlainTextResponse("said")

    @get("/chatter")
    def chatter(self, request):
        def talk(stream, text):
            for _ in range(100):
                print(text, file=stream)
        threads = [
            threading.Thread(target=talk, args=(sys.stdout, "to stdout")),
            threading.Thread(target=talk, args=(sys.stderr, "to stderr")),
        ]
        for thread in threads:
            thread.start()
        for number in range(50):
            self.logger.warning("record %d", number)
        for thread in threads:
            thread.join()
        for number in range(50):
            print("left open", end="", file=sys.stderr)
            self.logger.warning("record %d", number)
        return PlainTextResponse("said")

    @get("/fail")
    async def fail(self, request):
        1 / 0

    @get("/forget")
    async def forget(self, request):
        self.async_api.get_server_version()  # the line
        return PlainTextResponse("forgotten")

    @get("/flood")
    def flood(self, request):
        for _ in range(200):
            sys.stdout.write("x" * 100_000)
        sys.stdout.flush()
        return PlainTextResponse("flooded")

    @get("/endless")
    async def endless(self, request):
        async def chunks():
            while True:
                yield b"chunk"
                await asyncio.sleep(0.05)
        return StreamingResponse(chunks())

    @get("/slow")
    async def slow(self, request):
        print("slow has begun")
        await asyncio.sleep(0.5)
        return PlainTextResponse("slow but whole")

if __name__ == "__main__":
    run_plugin(Example)
"""


class Process:
    """A plugin's process, and what it has written."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._news = asyncio.Event()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(process.stdout, self.stdout)),
            asyncio.create_task(self._read(process.stderr, self.stderr)),
        ]

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        while line := await stream.readline():
            lines.append(line.decode().rstrip("\n"))
            self._news.set()

    async def until(self, lines: list[str], found: Callable[[str], bool]) -> str:
        """The first of the lines that is `found`."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                for line in lines:
                    if found(line):
                        return line
                self._news.clear()
                await self._news.wait()

    async def logged(self, message: str) -> dict[str, Any]:
        """The log record with a message."""
        line = await self.until(
            self.stderr, lambda line: line.startswith("{") and json.loads(line)["@message"] == message
        )
        entry: dict[str, Any] = json.loads(line)
        return entry

    async def ended(self) -> int:
        """The exit code, once all output was read."""
        async with asyncio.timeout(TIMEOUT):
            await asyncio.gather(*self._readers)
            return await self.process.wait()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.ended()


@asynccontextmanager
async def started(folder: Path, *arguments: str, code: str = PLUGIN, **env: str) -> AsyncIterator[Process]:
    (folder / "plugin.py").write_text(code)
    sdk = str(Path(mattermost_plugin.__file__).parents[1])
    base = {key: value for key, value in os.environ.items() if not key.startswith(("MATTERMOST", "PLUGIN_", "PYTHON"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "plugin.py",
        *arguments,
        cwd=folder,
        env=base | {"PYTHONPATH": sdk} | env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
    )
    plugin = Process(process)
    try:
        yield plugin
    finally:
        await plugin.end()


COOKIE = {MAGIC_COOKIE_KEY: MAGIC_COOKIE_VALUE}


@asynccontextmanager
async def hosted(folder: Path, code: str = PLUGIN, **env: str) -> AsyncIterator[tuple[Process, Host]]:
    """The plugin, started by a host that has read its handshake line and is connected."""
    async with started(folder, code=code, **COOKIE, **env) as plugin:
        line = await plugin.until(plugin.stdout, lambda line: True)
        async with grpc.aio.insecure_channel(Handshake.parse(line).target) as channel:
            yield plugin, Host(channel)


async def shut_down(host: Host) -> None:
    await goplugin_pb2_grpc.GRPCControllerStub(host.channel).Shutdown(Empty())


async def test_the_handshake_is_all_of_stdout_whatever_the_plugin_prints(tmp_path: Path) -> None:
    async with hosted(tmp_path) as (plugin, host):
        assert await host.health("plugin") == health_pb2.HealthCheckResponse.SERVING
        await host.hooks.OnActivate(OnActivateRequest())
        await host.request(url="/say/this")
        entry = await plugin.logged("said this")
        assert (entry["@module"], entry["@level"]) == ("stdout", "info")
        await shut_down(host)
        assert await plugin.ended() == 0
    assert len(plugin.stdout) == 1
    assert plugin.stdout[0].startswith("1|1|tcp|127.0.0.1:")
    assert "printed at import" in plugin.stderr
    assert "and again" in plugin.stderr
    assert "child False" in plugin.stderr


async def test_a_signal_that_ends_the_process_is_traced_to_its_line(tmp_path: Path) -> None:
    code = PLUGIN.replace('print("said"', 'signal.raise_signal(signal.SIGSEGV), print("said"').replace(
        "os,", "os, signal,"
    )
    async with hosted(tmp_path, code) as (plugin, host):
        with pytest.raises(grpc.aio.AioRpcError):
            await host.request(url="/say/this")
        assert await plugin.ended() == -signal.SIGSEGV
    crash = plugin.stderr.index("Fatal Python error: Segmentation fault")
    assert any("plugin.py" in line and line.endswith(" in say") for line in plugin.stderr[crash:])


async def test_an_exit_in_a_task_of_a_handler_ends_the_process_in_order(tmp_path: Path) -> None:
    """As a handler behind Starlette's BaseHTTPMiddleware, which runs it in a task of its own."""
    code = PLUGIN.replace('print("said"', 'await asyncio.create_task(self.leave()), print("said"').replace(
        '    @get("/flood")', "    async def leave(self):\n        sys.exit(3)\n\n    @get('/flood')"
    )
    async with hosted(tmp_path, code) as (plugin, host):
        assert (await host.request(url="/say/this")).status == 500
        assert await plugin.ended() == 3
    entry = await plugin.logged("a task ends the process: SystemExit(3)")
    assert entry["@level"] == "error"
    # The handler that awaited the task; what is below it is lost where the exception passed a compiled frame.
    assert "await asyncio.create_task(self.leave())" in entry["traceback"]
    assert entry["traceback"].endswith("SystemExit: 3")


CONFIGURATIONS = {
    "dictConfig": """
console = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}
    root = {"level": "INFO", "handlers": ["console"]}
    logging.config.dictConfig({"version": 1, "handlers": {"console": console}, "root": root})
""",
    "fileConfig": """
logging.config.fileConfig(io.StringIO("[loggers]\\nkeys=root\\n[handlers]\\nkeys=console\\n[formatters]\\nkeys=\\n"
    "[logger_root]\\nlevel=ERROR\\nhandlers=console\\n[handler_console]\\nclass=StreamHandler\\nargs=(sys.stderr,)\\n"))
""",
    "disable": "logging.getLogger().handlers.clear()",
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
async def test_prints_and_traces_are_logged_however_the_plugin_configures_logging(
    configuration: str, tmp_path: Path
) -> None:
    activate = '"activated", flush=True)'
    code = PLUGIN.replace(activate, f"{activate}\n        configure()").replace(
        "class Example", f"import io, logging.config\ndef configure():\n    {configuration.strip()}\n\nclass Example"
    )
    async with hosted(tmp_path, code) as (plugin, host):
        await host.hooks.OnActivate(OnActivateRequest())
        await host.request(url="/say/this")
        assert (await plugin.logged("said this"))["@module"] == "stdout"
        assert (await host.request(url="/fail")).status == 500
        entry = await plugin.logged("Exception in ASGI application")
        assert entry["traceback"].endswith("ZeroDivisionError: division by zero")
        assert (entry["method"], entry["path"]) == ("GET", "/fail")
        await shut_down(host)
        assert await plugin.ended() == 0
    assert sum("said this" in line for line in plugin.stderr) == 1


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
async def test_what_is_printed_never_shares_a_line_with_a_record(unbuffered: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, PYTHONUNBUFFERED=unbuffered) as (plugin, host):
        await host.request(url="/chatter")
        await shut_down(host)
        assert await plugin.ended() == 0
    records = [json.loads(line) for line in plugin.stderr if '"@message"' in line]
    assert [entry["@level"] for entry in records if entry["@message"].startswith("record")] == ["warn"] * 100
    assert {entry["@message"] for entry in records if entry["@module"] == "stdout"} == {"to stdout"}
    assert {line for line in plugin.stderr if "to std" in line and "@message" not in line} == {"to stderr"}


async def test_log_records_have_their_level_fields_and_trace_on_one_line(tmp_path: Path) -> None:
    async with hosted(tmp_path) as (plugin, host):
        await host.hooks.OnActivate(OnActivateRequest())
        entry = await plugin.logged("logged")
        assert (entry["@level"], entry["@module"], entry["answer"]) == ("info", "Example", 42)
        entry = await plugin.logged("with a trace")
        assert entry["@level"] == "error"
        assert entry["traceback"].endswith("LookupError: nothing there")


async def test_a_call_that_nobody_awaited_is_a_warning_that_names_its_line(tmp_path: Path) -> None:
    line = next(number for number, text in enumerate(PLUGIN.splitlines(), 1) if "# the line" in text)
    async with hosted(tmp_path) as (plugin, host):
        await host.request(url="/forget")
        warning = await plugin.until(plugin.stderr, lambda line: "never awaited" in line)
    entry = json.loads(warning)
    assert (entry["@level"], entry["@module"]) == ("warn", "py.warnings")
    assert f"plugin.py:{line}: RuntimeWarning: coroutine " in entry["@message"]
    assert "get_server_version' was never awaited" in entry["@message"]


async def test_a_host_that_asks_gets_what_is_printed(tmp_path: Path) -> None:
    async with hosted(tmp_path) as (plugin, host):
        stream: Any = goplugin_pb2_grpc.GRPCStdioStub(host.channel).StreamStdio(GoogleEmpty())
        await stream.initial_metadata()
        await host.request(url="/say/first")
        await host.request(url="/say/second")
        assert (await stream.read()).data.startswith(b"said first\n")
        await shut_down(host)
        while await stream.read() is not grpc.aio.EOF:
            pass
        assert await plugin.ended() == 0


async def test_a_flood_without_a_line_end_blocks_nobody_and_is_cut(tmp_path: Path) -> None:
    async with hosted(tmp_path) as (plugin, host):
        async with asyncio.timeout(TIMEOUT):
            assert (await host.request(url="/flood")).body == b"flooded"
        line = await plugin.until(plugin.stderr, lambda line: "[line cut]" in line)
        assert len(line) < 10_000
        assert (await host.request(url="/say/more")).body == b"said"


async def test_sigterm_lets_open_requests_finish(tmp_path: Path) -> None:
    async with hosted(tmp_path) as (plugin, host):
        request = asyncio.create_task(host.request(url="/slow"))
        await plugin.logged("slow has begun")
        plugin.process.terminate()
        assert (await request).body == b"slow but whole"
        assert await plugin.ended() == 0


async def test_sigint_ends_an_endless_stream_after_the_grace(tmp_path: Path) -> None:
    async with hosted(tmp_path) as (plugin, host):
        call = await host.begin(url="/endless", complete=True)
        assert await call.next_chunk() == b"chunk"
        plugin.process.send_signal(signal.SIGINT)
        with pytest.raises(grpc.aio.AioRpcError):
            await call.answer()
        assert await plugin.ended() == 0


async def test_a_thread_that_never_returns_does_not_keep_the_process(tmp_path: Path) -> None:
    async with hosted(tmp_path, MATTERMOST_PLUGIN_HOOK_TIMEOUT="0.2") as (plugin, host):
        answer = await host.hooks.OnConfigurationChange(OnConfigurationChangeRequest())
        assert "timed out after 0.2 seconds" in answer.error.message
        await shut_down(host)
        assert await plugin.ended() == 0
        assert any("leaving although these still run: hook_0" in line for line in plugin.stderr)


async def test_a_host_may_want_a_socket_for_the_owner_alone(tmp_path: Path) -> None:
    sockets = tmp_path / "s"
    sockets.mkdir()
    async with hosted(tmp_path, PLUGIN_UNIX_SOCKET_DIR=str(sockets)) as (plugin, host):
        (announced,) = sockets.iterdir()
        assert plugin.stdout == [f"1|1|unix|{announced}|grpc"]
        assert stat.S_IMODE(announced.stat().st_mode) == stat.S_IRWXU
        assert await host.health("") == health_pb2.HealthCheckResponse.SERVING
        await shut_down(host)
        assert await plugin.ended() == 0
        assert list(sockets.iterdir()) == []


BROKEN_STARTUP = """
from contextlib import asynccontextmanager
from mattermost_plugin import Plugin, run_plugin

@asynccontextmanager
async def failing(app):
    raise LookupError("no database")
    yield

class Broken(Plugin):
    lifespan = failing

run_plugin(Broken)
"""

BROKEN_INIT = """
from mattermost_plugin import Plugin, run_plugin

class Broken(Plugin):
    def __init__(self):
        raise LookupError("no database")

run_plugin(Broken)
"""


@pytest.mark.parametrize("code", [BROKEN_STARTUP, BROKEN_INIT], ids=["lifespan", "init"])
async def test_a_plugin_that_cannot_start_says_why_and_exits_with_1(code: str, tmp_path: Path) -> None:
    async with started(tmp_path, code=code, **COOKIE) as plugin:
        assert await plugin.ended() == 1
    assert plugin.stdout == []
    entries = [json.loads(line) for line in plugin.stderr]
    assert entries[-1]["@level"] == "error"
    assert any("LookupError: no database" in str(entry) for entry in entries)


async def test_started_by_hand_it_says_how_to_run_it(tmp_path: Path) -> None:
    async with started(tmp_path) as plugin:
        assert await plugin.ended() == 1
    text = "\n".join(plugin.stderr)
    assert f"servehttp serve {tmp_path}" in text
    assert "python plugin.py --listen 127.0.0.1:7000" in text
    assert not any(line.startswith("1|1|") for line in plugin.stdout)


async def test_by_hand_it_listens_where_it_is_told_without_a_handshake(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with started(tmp_path, "--listen", f"unix:{path}", MATTERMOST_PLUGIN_ID="com.example") as plugin:
        await plugin.until(plugin.stderr, lambda line: line == f"Example listens at unix:{path}")
        await plugin.until(
            plugin.stderr, lambda line: line.endswith(f"servehttp serve --attach com.example=unix:{path}")
        )
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            host = Host(channel)
            await host.request(url="/say/hello")
            await host.hooks.OnActivate(OnActivateRequest())
        await plugin.until(plugin.stderr, lambda line: line.endswith("INFO     Example: logged answer=42"))
        await plugin.until(plugin.stdout, lambda line: line == "activated")
        async with started(tmp_path, "--listen", f"unix:{path}") as second:
            assert await second.ended() == 1
        assert "another process does" in second.stderr[-1]
        plugin.process.terminate()
        assert await plugin.ended() == 0
    assert "said hello" in plugin.stdout
    assert not any(line.startswith("1|1|") for line in plugin.stdout)
    assert not path.exists()


async def test_by_hand_a_used_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        async with started(tmp_path, "--listen", address) as plugin:
            assert await plugin.ended() == 1
    assert plugin.stderr[-1].endswith(f"Example did not start: cannot listen at {address}: Address already in use")


async def test_an_instance_in_place_of_the_class_is_told(tmp_path: Path) -> None:
    code = "from mattermost_plugin import Plugin, run_plugin\nclass Mine(Plugin): pass\nrun_plugin(Mine())\n"
    async with started(tmp_path, code=code, **COOKIE) as plugin:
        assert await plugin.ended() == 1
    assert plugin.stderr[-1] == "TypeError: run_plugin takes the plugin's class, not an instance: run_plugin(Mine)"
