from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog

from servehttp.plugins.output import OutputLimits
from servehttp.plugins.process import HANDSHAKE_NOISE, PluginProcess, ProcessSpec
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.runner import RunnerError
from support.patience import PATIENCE
from support.supervision import HANDSHAKE, WAIT, command_spec, either_loop, is_alive, no_leaks, spec, until

pytestmark = pytest.mark.anyio
anyio_backend = either_loop

STUBBORN = "import signal\nfor n in (signal.SIGTERM, signal.SIGINT): signal.signal(n, signal.SIG_IGN)\n"
FORK = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
open("child.pid", "w").write(str(child.pid))
"""  # noqa: E501  # one statement of a script
STRAY = r"""
import subprocess, sys
SLEEP = '''
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
'''
def start(name, before=""):
    arguments = [sys.executable, "-I", "-S", "-c", before + SLEEP, name]
    subprocess.Popen(arguments, start_new_session=True)
start("child.pid")
start("grandchild.pid", before="import os\nif os.fork(): os._exit(0)\nos.setsid()\n")
import os, time
while not all(os.path.exists(name) and open(name).read() for name in ("child.pid", "grandchild.pid")): time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def records() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as captured:
        yield captured


@asynccontextmanager
async def running(a_spec: ProcessSpec) -> AsyncIterator[PluginProcess]:
    process = await PluginProcess.launch(a_spec, Reaper())
    try:
        yield process
    finally:
        await process.stop(0)


async def refusal(a_spec: ProcessSpec, timeout: float = 10) -> RunnerError:
    """What is said of a plugin that does not come up."""
    with pytest.raises(RunnerError) as caught:
        async with running(a_spec) as process:
            await process.ready(timeout)
    return caught.value


async def test_a_handshake_tells_where_to_connect(tmp_path: Path) -> None:
    async with running(spec("print('1|1|unix|/run/p.sock|grpc', flush=True)\n" + WAIT, tmp_path)) as process:
        assert await process.ready(10) == "unix:/run/p.sock"


async def test_what_is_printed_around_the_handshake_is_logged(tmp_path: Path, records: list[Any]) -> None:
    code = "print('hello')\n" + HANDSHAKE + "print('1|not|a second one')\nprint('bye', end='')"
    async with running(spec(code, tmp_path)) as process:
        assert await process.ready(10) == "127.0.0.1:1"
        assert await process.wait() == "exited with code 0"
    assert [record["event"] for record in records] == ["hello", "1|not|a second one", "bye"]
    assert {record["stream"] for record in records} == {"stdout"}


async def test_a_plugin_that_raises_is_reported_with_its_exit_code_and_last_words(tmp_path: Path) -> None:
    error = await refusal(spec("def f():\n    raise ValueError('no database')\nf()", tmp_path))
    assert str(error).startswith("exited with code 1 before its handshake; last on stderr: Traceback")
    assert str(error).endswith("ValueError: no database")
    assert not error.permanent


async def test_what_underlines_a_line_of_a_trace_is_not_among_last_words(tmp_path: Path) -> None:
    error = await refusal(dataclasses.replace(spec("one = 1\nprint(one() + 1)", tmp_path), folder=tmp_path))
    said = "last on stderr: TypeError: 'int' object is not callable (plugin.py, line 2) | "
    assert said in str(error)
    assert "^" not in str(error)


async def test_a_plugin_that_is_killed_is_reported_with_the_signal(tmp_path: Path) -> None:
    error = await refusal(spec("import os; os.kill(os.getpid(), 9)", tmp_path))
    assert str(error) == "was killed by SIGKILL before its handshake"


async def test_a_plugin_that_never_speaks_is_reported_with_its_stderr(tmp_path: Path) -> None:
    code = "import sys; print('looking for a license', file=sys.stderr, flush=True)\n" + WAIT
    error = await refusal(spec(code, tmp_path), timeout=0.5)
    assert str(error) == "printed no handshake within 0.5 s; last on stderr: looking for a license"


async def test_a_plugin_that_prints_something_else_is_quoted(tmp_path: Path) -> None:
    error = await refusal(command_spec(("echo", "Usage: plugin"), tmp_path))
    assert str(error) == (
        "exited with code 0 before its handshake (is run_plugin called at the end of its script?); "
        "on stdout it printed 'Usage: plugin'"
    )


async def test_a_plugin_that_prints_for_ever_is_given_up_early(tmp_path: Path) -> None:
    error = await refusal(command_spec(("yes",), tmp_path))
    assert str(error).startswith(f"printed {HANDSHAKE_NOISE // 1024} KiB on stdout without a handshake; on stdout it")
    assert "y | y | y" in str(error)


async def test_a_plugin_that_closes_its_stdout_is_not_waited_for(tmp_path: Path) -> None:
    error = await refusal(spec("import os; os.close(1)\n" + WAIT, tmp_path))
    assert str(error) == "closed its stdout without a handshake"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1|2|tcp|127.0.0.1:1|grpc", "incompatible protocol version '2'"),
        ("1|1|tcp|127.0.0.1:1|netrpc", "incompatible protocol 'netrpc'"),
        ("1|invalid", "unrecognized format"),
    ],
)
async def test_a_plugin_of_another_protocol_is_not_tried_again(tmp_path: Path, line: str, said: str) -> None:
    error = await refusal(spec(f"print({line!r})\n" + WAIT, tmp_path))
    assert str(error).startswith("its handshake cannot be used")
    assert said in str(error)
    assert error.permanent


async def test_a_program_that_is_not_there_is_named_and_not_tried_again(tmp_path: Path) -> None:
    error = await refusal(command_spec(("/nowhere/python", "plugin.py"), tmp_path))
    assert str(error) == "cannot run /nowhere/python: No such file or directory"
    assert error.permanent


async def test_a_plugin_sees_its_own_environment_and_nothing_else(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as kept:
        os.set_inheritable(kept.fileno(), True)
        code = (
            "import json, os\n"
            "facts = {'env': dict(os.environ), 'fds': sorted(os.listdir('/proc/self/fd')), 'cwd': os.getcwd(),\n"
            "  'stdin': os.readlink('/proc/self/fd/0'), 'sid': os.getsid(0), 'pid': os.getpid(),\n"
            "  'mode': os.stat(os.environ['PLUGIN_UNIX_SOCKET_DIR']).st_mode}\n"
            "json.dump(facts, open('facts', 'w'))\n"
        )
        async with running(spec(code, tmp_path, {"LANG": "C.UTF-8"})) as process:
            await process.wait()
            facts = json.loads((tmp_path / "facts").read_text())
    folder = Path(facts["env"].pop("PLUGIN_UNIX_SOCKET_DIR"))
    facts["env"].pop("LC_CTYPE", None)  # Python sets it itself
    assert facts["env"] == {
        "LANG": "C.UTF-8",
        "MATTERMOST_PLUGIN": "Securely message teams, anywhere.",
        "PLUGIN_PROTOCOL_VERSIONS": "1",
        "PLUGIN_MIN_PORT": "10000",
        "PLUGIN_MAX_PORT": "25000",
    }
    assert len(facts["fds"]) == 4  # 0, 1, 2, and the one that lists them
    assert facts["stdin"] == "/dev/null"
    assert facts["cwd"] == str(tmp_path)
    assert facts["sid"] == facts["pid"]
    assert stat.S_IMODE(facts["mode"]) == 0o700
    assert folder.name not in os.listdir(folder.parent)


async def test_a_plugin_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    async with running(spec(STUBBORN + FORK + HANDSHAKE + WAIT, tmp_path)) as process:
        await process.ready(10)
        child = int((tmp_path / "child.pid").read_text())
        began = time.monotonic()
        await process.stop(0.2)
        assert time.monotonic() - began >= 0.2
        await until(lambda: not is_alive(child))
        assert "SIGKILL" in await process.wait()


async def test_children_of_a_plugin_that_died_by_itself_die_too(tmp_path: Path) -> None:
    async with running(spec(FORK + HANDSHAKE, tmp_path)) as process:
        await process.wait()
        child = int((tmp_path / "child.pid").read_text())
        await until(lambda: not is_alive(child))


@pytest.mark.parametrize("end", ["by itself", "by SIGTERM", "by SIGKILL"])
async def test_children_in_sessions_of_their_own_end_with_the_plugin(tmp_path: Path, end: str) -> None:
    code = STRAY + HANDSHAKE + ("" if end == "by itself" else WAIT)
    async with running(spec(code, tmp_path)) as process:
        await process.ready(10)
        if end == "by SIGTERM":
            process.terminate()
        elif end == "by SIGKILL":
            process.kill()
        await process.wait()
    strays = [int((tmp_path / name).read_text()) for name in ("child.pid", "grandchild.pid")]
    await until(lambda: not any(map(is_alive, strays)))


async def test_a_plugin_that_heeds_sigterm_ends_without_waiting_for_the_grace(tmp_path: Path) -> None:
    code = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n" + HANDSHAKE + WAIT
    async with running(spec(code, tmp_path)) as process:
        await process.ready(10)
        async with asyncio.timeout(PATIENCE):
            await process.stop(60)
        assert await process.wait() == "exited with code 7"


async def test_a_suspended_plugin_can_be_ended(tmp_path: Path) -> None:
    async with running(spec(HANDSHAKE + WAIT, tmp_path)) as process:
        await process.ready(10)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        await process.stop(0.1)
        assert "was killed by SIG" in await process.wait()


async def test_stopping_twice_is_the_same_as_once(tmp_path: Path) -> None:
    async with running(spec(WAIT, tmp_path)) as process:
        await process.stop(1)
        await process.stop(1)
        process.terminate()
        process.kill()


async def test_a_flood_without_newlines_neither_blocks_the_plugin_nor_fills_memory(
    tmp_path: Path, records: list[Any]
) -> None:
    code = (
        "import os\nblock = b'x' * 65536\n"
        "for fd in (1, 2):\n  for _ in range(320):\n    rest = block\n"
        "    while rest: rest = rest[os.write(fd, rest):]\n"
        "os.write(2, b'\\ndone')"
    )
    before = psutil.Process().memory_info().rss
    async with running(spec(HANDSHAKE + code, tmp_path)) as process:
        await process.ready(10)
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == "exited with code 0; last on stderr: " + "x" * 300 + "… | done"
    assert psutil.Process().memory_info().rss - before < 16 * 1024 * 1024
    assert [record["event"][-11:] for record in records] == [" [line cut]", " [line cut]", "done"]


async def test_a_flood_of_lines_leaves_the_event_loop_free(tmp_path: Path, records: list[Any]) -> None:
    code = "import os\nblock = b'y\\n' * 32768\nfor _ in range(320): os.write(2, block)"
    turns = []

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - before)

    ticker, began = asyncio.create_task(tick()), time.monotonic()
    async with running(spec(HANDSHAKE + code, tmp_path)) as process:
        await process.ready(10)
        await process.wait()
    ticker.cancel()
    assert max(turns) < sum(turns) / 2, "one turn of the loop read most of it"
    lines = [record for record in records if record["event"] == "y"]
    dropped = sum(record.get("dropped", 0) for record in records)
    assert len(lines) + dropped == 320 * 32768
    assert len(lines) < OutputLimits().lines_per_second * (time.monotonic() - began + 2)


async def test_nothing_is_left_of_a_plugin(tmp_path: Path) -> None:
    async with running(spec(HANDSHAKE, tmp_path)) as process:  # whatever the event loop keeps is there from now on
        await process.wait()
    with no_leaks():
        for _ in range(10):
            async with running(spec(FORK + HANDSHAKE + WAIT, tmp_path)) as process:
                await process.ready(10)


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async with running(spec(HANDSHAKE, tmp_path)) as process:
        await process.wait()
    with no_leaks():
        for steps in range(12):
            launch = asyncio.create_task(PluginProcess.launch(spec(WAIT, tmp_path), Reaper()))
            for _ in range(steps):
                await asyncio.sleep(0)
            launch.cancel()
            for result in await asyncio.gather(launch, return_exceptions=True):
                if isinstance(result, PluginProcess):
                    await result.stop(0)
