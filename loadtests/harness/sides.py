"""The servers that are compared: the same application under uvicorn or Granian, behind nginx, and behind the gateway.

All keep connections alive, write no access log, use uvloop and httptools, and run one process for each part.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import granian as granian_program
from harness import nginx as nginx_program
from harness.errors import MeasurementError
from harness.processes import free_port, running, wait_until_answers
from harness.usage import extension_modules

ROOT = Path(__file__).resolve().parents[2]
LOADTESTS = ROOT / "loadtests"
BENCH = "/plugins/com.example.bench"
STREAMING = "/plugins/com.example.streaming"
JSON = '{"hello":"world"}'
"""What examples/bench answers."""
KEEP_ALIVE = "75"
"""Seconds; what the gateway and nginx have by default."""


@dataclass(frozen=True, slots=True)
class Side:
    """A server that is up."""

    name: str
    port: int
    prefix: str
    pids: list[int]
    ready_after: float
    """Seconds from the start of its first process to its first answer."""

    def path(self, target: str) -> str:
        """The path of something that the application serves."""
        return self.prefix + target


@dataclass(frozen=True, slots=True)
class Application:
    """An ASGI application: as uvicorn names it, and as the folders of plugins that hold it."""

    name: str
    app_dir: Path
    plugin_dirs: tuple[Path, ...]
    probe: str
    prefix: str = ""
    """Where it is below the gateway, if it is elsewhere alone."""


ONE = Application("app:app", ROOT / "examples/bench", (ROOT / "examples/bench",), "/json", BENCH)
"""The application of examples/bench."""

BOTH = Application(
    "harness.direct:app", LOADTESTS, (ROOT / "examples/bench", ROOT / "examples/streaming"), f"{BENCH}/json"
)
"""Those of examples/bench and examples/streaming, each at the same path with and without a gateway."""


@contextmanager
def uvicorn(application: Application) -> Iterator[Side]:
    """The application alone."""
    port, began = free_port(), time.monotonic()
    command = [*_uvicorn(application), "--host", "127.0.0.1", "--port", str(port)]
    with running(command, env={"PYTHONPATH": str(LOADTESTS)}) as process:
        ready = wait_until_answers(process, port, application.probe)
        yield Side("uvicorn", port, "", [process.pid], ready - began)


@contextmanager
def nginx(application: Application) -> Iterator[Side]:
    """nginx before the application, over a unix socket with keep-alive; streams are not buffered.

    Raises:
        NotMeasured: there is no nginx here.
    """
    with ExitStack() as stack:
        folder, port, began = Path(stack.enter_context(TemporaryDirectory())), free_port(), time.monotonic()
        socket_path = folder / "app.sock"
        command = nginx_program.command(folder, nginx_program.before(socket_path, port))
        upstream = stack.enter_context(
            running([*_uvicorn(application), "--uds", str(socket_path)], env={"PYTHONPATH": str(LOADTESTS)})
        )
        front = stack.enter_context(running(command))
        ready = wait_until_answers(front, port, application.probe)
        yield Side("nginx", port, "", [front.pid, upstream.pid], ready - began)


@contextmanager
def gateway(
    application: Application,
    transport: str = "tunnel",
    plugin_dirs: tuple[Path, ...] = (),
    *,
    name: str = "gateway",
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[Side]:
    """The gateway with the application as a plugin, or with other folders of plugins.

    Args:
        application: what is measured.
        transport: how requests reach the plugin.
        plugin_dirs: in place of the application's.
        name: the side's.
        options: more for the command line.
        env: more for the environment.
    """
    with TemporaryDirectory() as folder:
        port, began = free_port(), time.monotonic()
        command = [sys.executable, "-m", "servehttp", "serve", "--no-workspace"]
        command += map(str, plugin_dirs or application.plugin_dirs)
        command += ["--port", str(port), "--no-access-log", "--log-level", "warning", "--transport", transport]
        with running([*command, *options], cwd=Path(folder), env=env) as process:
            ready = wait_until_answers(process, port, "/readyz")
            yield Side(name, port, application.prefix, [process.pid], ready - began)


@contextmanager
def pure_gateway(application: Application) -> Iterator[Side]:
    """The gateway as plain Python, from the sources as they are: found before what is installed, by the plugin too.

    Raises:
        MeasurementError: it is not pure.
    """
    sources = os.pathsep.join((str(ROOT / "sdk"), str(ROOT / "gateway")))
    with gateway(application, name="pure", env=with_modules_of(sources)) as side:
        if compiled := extension_modules(side.pids, "/mattermost_plugin/"):
            raise MeasurementError(f"what is to be the pure build has loaded {compiled[0]}")
        yield side


def with_modules_of(path: str) -> dict[str, str]:
    """The environment of a gateway that finds modules there first, and whose plugins do."""
    return {"PYTHONPATH": path, "SERVEHTTP_PLUGINS__ENV_ALLOW": "PYTHONPATH"}


@contextmanager
def granian(application: Application) -> Iterator[Side]:
    """The application under Granian alone, with one worker and uvloop.

    Raises:
        NotMeasured: Granian cannot be installed here.
    """
    command = [str(granian_program.program()), "--interface", "asginl", "--workers", "1", "--loop", "uvloop"]
    port, began = free_port(), time.monotonic()
    command += ["--http", "1", "--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    with running([*command, application.name], cwd=application.app_dir) as process:
        ready = wait_until_answers(process, port, application.probe)
        yield Side("granian", port, "", [process.pid], ready - began)


@contextmanager
def ceiling() -> Iterator[Side]:
    """nginx that answers by itself: what this machine does, with this client, for a server that does next to nothing.

    Raises:
        NotMeasured: there is no nginx here.
    """
    with TemporaryDirectory() as folder:
        port, began = free_port(), time.monotonic()
        with running(nginx_program.command(Path(folder), nginx_program.answering(JSON, port))) as process:
            ready = wait_until_answers(process, port, "/json")
            yield Side("ceiling", port, "", [process.pid], ready - began)


def _uvicorn(application: Application) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", application.name, "--app-dir", str(application.app_dir)]
    command += [
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--ws",
        "websockets-sansio",
        "--workers",
        "1",
        "--no-access-log",
        "--lifespan",
        "off",
    ]
    return [*command, "--log-level", "warning", "--timeout-keep-alive", KEEP_ALIVE]
