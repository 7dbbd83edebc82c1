"""Small plugins as scripts, stand-ins for their runs and connections, and supervision of them."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest
import structlog

from servehttp.errors import ActivationError, LinkError, PluginStartError
from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.output import OutputLimits
from servehttp.plugins.process import Command, PluginProcess, ProcessSpec
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.runner import Launch, RunnerError
from servehttp.plugins.states import PluginState
from servehttp.plugins.supervision import SupervisionPolicy
from servehttp.plugins.supervisor import SupervisedPlugin
from support.carriers import Counted
from support.patience import PATIENCE

if TYPE_CHECKING:
    from servehttp.plugins.link import Link

HANDSHAKE = "print('1|1|tcp|127.0.0.1:1|grpc', flush=True)\n"
WAIT = "import time; time.sleep(600)\n"

POLICY = SupervisionPolicy(
    start_timeout=PATIENCE,
    connect_timeout=PATIENCE,
    hook_timeout=PATIENCE,
    deactivate_timeout=PATIENCE,
    health_interval=60 * PATIENCE,
    health_timeout=PATIENCE,
    health_failures=2,
    drain_timeout=1,
    stop_timeout=PATIENCE,
    restart=RestartPolicy(first_delay=0.01, longest_delay=0.02, limit=3, window=60),
)


def spec(code: str, folder: Path, environment: dict[str, str] | None = None) -> ProcessSpec:
    """A plugin whose whole script is `code`; an interpreter without site packages starts fastest."""
    script = folder / "plugin.py"
    script.write_text(code)
    return command_spec((sys.executable, "-I", "-S", "-u", str(script)), folder, environment)


def command_spec(arguments: tuple[str, ...], folder: Path, environment: dict[str, str] | None = None) -> ProcessSpec:
    """A plugin that is some command."""

    async def find_command(_: object) -> Command:
        return Command(arguments, folder)

    return ProcessSpec("com.example.test", find_command, environment or {"PATH": os.environ["PATH"]}, OutputLimits())


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def either_loop(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The event loops that the gateway may run on."""
    return "asyncio", {"use_uvloop": request.param}


class FakeLink:
    """A connection that the test controls, and that remembers what was asked of it."""

    transport = "tunnel"
    serves_http = True
    implemented: frozenset[str] = frozenset()

    def __init__(self, activation: str | None = None) -> None:
        self.carrier = Counted()
        self.calls: list[str] = []
        self.healthy = True
        self.activation = activation
        self.hold: dict[str, asyncio.Event] = {}
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def in_flight(self) -> int:
        return self.carrier.in_flight

    async def activate(self, timeout: float) -> None:
        await self._call("activate")
        if self.activation is not None:
            raise ActivationError(self.activation)

    async def deactivate(self, timeout: float) -> None:
        await self._call("deactivate")

    async def check_health(self, timeout: float) -> None:
        if not self.healthy:
            raise LinkError("the plugin's health is not SERVING")

    async def wait_lost(self) -> str:
        return await asyncio.shield(self.lost)

    async def drain(self, timeout: float) -> None:
        await self._call("drain")

    async def close(self) -> None:
        self.calls.append("close")

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.hold:
            await self.hold[name].wait()


class Connections:
    """Gives out fake connections, and keeps them."""

    def __init__(self, make: Callable[[], FakeLink] = FakeLink) -> None:
        self.made: list[FakeLink] = []
        self.targets: list[str] = []
        self.sessions: list[int | None] = []
        self.refuse: str | None = None
        self._make = make

    async def __call__(self, target: str, *, timeout: float, session: int | None) -> Link:
        self.targets.append(target)
        self.sessions.append(session)
        if self.refuse is not None:
            raise LinkError(self.refuse)
        self.made.append(self._make())
        return self.links[-1]

    @property
    def last(self) -> FakeLink:
        return self.made[-1]

    @property
    def links(self) -> list[Link]:
        """The same, as a supervisor sees them."""
        return [cast("Link", link) for link in self.made]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody reports, such as the end of somebody else's process."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # there is no event for it
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def in_time(work: Awaitable[None]) -> None:
    """It ends, though something else that it might wait for does not."""
    async with asyncio.timeout(PATIENCE):
        await work


def open_files() -> int:
    """How many file descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def no_leaks() -> Iterator[None]:
    """Afterwards there are no more file descriptors and child processes than before, and no socket folder."""
    before = open_files(), _children()
    saved = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = saved
        assert os.listdir(folder) == []
    # Fewer are as good: what an earlier test left to be closed may be closed meanwhile.
    assert open_files() <= before[0]
    assert _children() <= before[1]


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.fixture(autouse=True, name="records")
def log_records() -> Iterator[list[Any]]:
    """What is logged meanwhile."""
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as captured:
        yield captured


class FakeRunner:
    """A run that the test ends."""

    pid = 4711

    def __init__(self, refusal: RunnerError | None = None) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.calls: list[str] = []
        self.timeouts: list[float] = []
        self.refusal = refusal

    async def ready(self, timeout: float) -> str:
        self.timeouts.append(timeout)
        if self.refusal is not None:
            raise self.refusal
        return "unix:/fake"

    async def wait(self) -> str:
        return await asyncio.shield(self.ended)

    def retire(self) -> None:
        self.retired = True

    async def stop(self, grace: float) -> None:
        self.calls.append(f"stop {grace:g}")
        if not self.ended.done():
            self.ended.set_result("was stopped")


class Launches:
    """Gives out fake runs, and keeps them."""

    def __init__(self, *refusals: RunnerError | None) -> None:
        self.made: list[FakeRunner] = []
        self._refusals = list(refusals)

    async def __call__(self) -> FakeRunner:
        self.made.append(FakeRunner(self._refusals.pop(0) if self._refusals else None))
        return self.made[-1]

    @property
    def last(self) -> FakeRunner:
        return self.made[-1]


@asynccontextmanager
async def supervised(
    launch: Launch, connect: Connections | None = None, policy: SupervisionPolicy = POLICY
) -> AsyncIterator[SupervisedPlugin]:
    """A plugin that the test starts; afterwards it is stopped."""
    plugin = SupervisedPlugin("com.example.test", launch, connect or Connections(), policy)
    try:
        yield plugin
    finally:
        async with asyncio.timeout(PATIENCE):
            await plugin.stop()
        assert plugin.state is PluginState.STOPPED
        assert plugin.link is None


def process(code: str, folder: Path) -> Launch:
    """Starts real processes of a plugin whose whole script is `code`."""
    return functools.partial(PluginProcess.launch, spec(code, folder), Reaper())


async def reached(plugin: SupervisedPlugin, *states: PluginState) -> None:
    """Waits until a plugin is in one of these states."""
    async with asyncio.timeout(PATIENCE):
        await plugin.wait_for(*states)


async def refused(plugin: SupervisedPlugin) -> str:
    """Why a plugin did not start."""
    with pytest.raises(PluginStartError) as caught:
        await plugin.start()
    assert caught.value.plugin_id == plugin.id
    return caught.value.reason
