"""A gateway as systemd starts it: with a socket that listens already, and somebody who is told how it is."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.client import fetch
from support.gateway import WITHOUT_WORKSPACE, Gateway
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

SUBJECT = Path(__file__).parent / "plugins" / "subject"
UNITS = Path(__file__).parents[2] / "examples" / "systemd"
OK = 5.0
"""The exposure up to which systemd-analyze says "OK"."""


async def test_it_serves_the_socket_that_it_is_given_and_tells_how_it_is(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        seen: list[str] = []

        def until(line: str) -> list[str]:
            while line not in seen:
                seen.extend(manager.recv(4096).decode().splitlines())
            return seen

        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000", "LISTEN_FDS": "1"}
        program = f'export LISTEN_PID=$$; exec "$@" 3<&{listener.fileno()}'
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", program, "bash", sys.executable, "-m", "servehttp", "serve", str(SUBJECT)),
            *("--log-format", "json", "--workers", "2"),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **WITHOUT_WORKSPACE, **environment},
            pass_fds=[listener.fileno()],
        )
        gateway = Gateway(process)
        try:
            assert "STATUS=starting the plugins" in await asyncio.to_thread(until, "READY=1")
            port = listener.getsockname()[1]
            variables = (await fetch(port, "/plugins/com.example.subject/environment")).json()
            assert not {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC"} & variables.keys()
            seen.clear()
            process.send_signal(signal.SIGHUP)
            assert "RELOADING=1" in await asyncio.to_thread(until, "READY=1")
            await asyncio.to_thread(until, "WATCHDOG=1")
            assert await gateway.stop() == 0
            await asyncio.to_thread(until, "STOPPING=1")
        finally:
            await gateway.clean_up()
        await gateway.wait_gone()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_units_of_the_example_are_well_formed_and_rated_ok(tmp_path: Path) -> None:
    for unit in UNITS.glob("servehttp.*"):
        text = unit.read_text().replace("/opt/servehttp/.venv/bin/servehttp", sys.executable)
        (tmp_path / unit.name).write_text(text)
    service = tmp_path / "servehttp.service"
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", service, tmp_path / "servehttp.socket"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not [line for line in verified.stderr.splitlines() if "servehttp." in line]
    rating = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={int(OK * 10)}", service],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for servehttp.service: ([0-9.]+) OK", rating.stdout)
    assert found, rating.stdout + rating.stderr
    assert float(found[1]) <= OK
