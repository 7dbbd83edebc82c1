"""The servers that are compared: the same application under uvicorn, behind nginx, and behind the gateway.

All keep connections alive, write no access log, use uvloop and httptools, and run one process for each part.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import NotMeasured
from harness.processes import free_port, running, wait_until_answers

ROOT = Path(__file__).resolve().parents[2]
LOADTESTS = ROOT / "loadtests"
BENCH = "/plugins/com.example.bench"
STREAMING = "/plugins/com.example.streaming"
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


Start = Callable[[], AbstractContextManager[Side]]


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
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise NotMeasured("nginx is not installed (Debian: apt-get install nginx-light)")
    with ExitStack() as stack:
        folder, port, began = Path(stack.enter_context(TemporaryDirectory())), free_port(), time.monotonic()
        socket_path, config = folder / "app.sock", folder / "nginx.conf"
        config.write_text(nginx_config(folder, socket_path, port, as_root=os.geteuid() == 0))
        upstream = stack.enter_context(
            running([*_uvicorn(application), "--uds", str(socket_path)], env={"PYTHONPATH": str(LOADTESTS)})
        )
        front = stack.enter_context(running([program, "-p", str(folder), "-e", "stderr", "-c", str(config)]))
        ready = wait_until_answers(front, port, application.probe)
        yield Side("nginx", port, "", [front.pid, upstream.pid], ready - began)


@contextmanager
def gateway(application: Application, transport: str = "tunnel", plugin_dirs: tuple[Path, ...] = ()) -> Iterator[Side]:
    """The gateway with the application as a plugin, or with other folders of plugins."""
    with TemporaryDirectory() as folder:
        port, began = free_port(), time.monotonic()
        command = [
            sys.executable,
            "-m",
            "servehttp",
            "serve",
            "--no-workspace",
            *map(str, plugin_dirs or application.plugin_dirs),
        ]
        command += ["--port", str(port), "--no-access-log", "--log-level", "warning", "--transport", transport]
        with running(command, cwd=Path(folder)) as process:
            ready = wait_until_answers(process, port, "/readyz")
            name = "gateway" if transport == "tunnel" else transport
            yield Side(name, port, application.prefix, [process.pid], ready - began)


def _uvicorn(application: Application) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", application.name, "--app-dir", str(application.app_dir)]
    command += ["--loop", "uvloop", "--http", "httptools", "--workers", "1", "--no-access-log", "--lifespan", "off"]
    return [*command, "--log-level", "warning", "--timeout-keep-alive", KEEP_ALIVE]


def nginx_config(folder: Path, upstream: Path, port: int, *, as_root: bool) -> str:
    """One worker; small answers pass through nginx's ordinary buffers, bodies and streams through none."""
    user = "user root;" if as_root else ""  # as another user the worker could not open the socket
    return f"""\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    map $http_upgrade $hop {{
        default upgrade;
        '' '';
    }}
    upstream app {{
        server unix:{upstream};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Connection $hop;
        proxy_set_header Upgrade $http_upgrade;
        location / {{
            proxy_pass http://app;
        }}
        location ~ /(bytes|upload|sse|ticks|echo|digest|ws)$ {{
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_read_timeout 1h;
            proxy_pass http://app;
        }}
    }}
}}
"""
