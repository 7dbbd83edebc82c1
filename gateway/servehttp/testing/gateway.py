"""`servehttp serve` as a process of its own, with a plugin's folder, at a free loopback port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from servehttp.settings.sources import ENV_PREFIX

START = 30.0
"""Seconds until the gateway and its plugins have to be up."""
STOP = 20.0
"""Seconds that they have to stop, before they are killed."""
KEPT_LINES = 1000
SHOWN_LINES = 20
SERVING = "serving"
"""The event that the gateway logs once every plugin is up, or has failed."""


class GatewayFailed(Exception):
    """The gateway did not come up, or one of its plugins did not; the text has the end of its log."""


@dataclass(frozen=True)
class Gateway:
    """A gateway that serves.

    Attributes:
        url: where, without a slash at its end.
        plugins: the states of its plugins, by id.
        data_dir: where it keeps its workspace.
        lines: what it has logged last; one JSON object each.
    """

    url: str
    plugins: Mapping[str, str]
    data_dir: Path
    lines: deque[str]

    def plugin_url(self, path: str = "/", *, plugin_id: str = "") -> str:
        """The URL of a path of the plugin; with several plugins the id says of which.

        Raises:
            ValueError: it does not say so, though there is not just one.
        """
        if not plugin_id and len(self.plugins) != 1:
            raise ValueError(f"which plugin's? There are {', '.join(self.plugins) or 'none'}")
        return f"{self.url}/plugins/{plugin_id or next(iter(self.plugins))}/{path.removeprefix('/')}"

    @property
    def admin_token(self) -> str:
        """The access token of the workspace's administrator, for its REST API below /api/v4.

        Raises:
            FileNotFoundError: the gateway has no workspace.
        """
        return (self.data_dir / "admin-token").read_text().strip()


@contextmanager
def running_gateway(
    *folders: Path | str, arguments: tuple[str, ...] = (), start_timeout: float = START
) -> Iterator[Gateway]:
    """Start a gateway, wait until its plugins are up, and stop it at the end.

    Args:
        folders: the plugins'.
        arguments: further ones of `servehttp serve`.
        start_timeout: seconds until all have to be up.

    Raises:
        GatewayFailed: they are not.
    """
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        process = _start(Path(folder), [*map(str, folders), *arguments])
        assert process.stderr is not None
        log = _Log(process.stderr)
        try:
            yield _gateway(log, Path(folder), start_timeout)
        finally:
            _stop(process)
            log.close()


def _start(data_dir: Path, arguments: list[str]) -> subprocess.Popen[str]:
    options = ["--port", "0", "--log-format", "json", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return subprocess.Popen(
        [sys.executable, "-m", "servehttp", "serve", *options],
        env=environment | {f"{ENV_PREFIX}DATA_DIR": str(data_dir)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _gateway(log: _Log, data_dir: Path, timeout: float) -> Gateway:
    serving = log.wait_serving(timeout)
    gateway = Gateway(serving["url"], serving["plugins"], data_dir, log.lines)
    if any(state != "running" for state in gateway.plugins.values()):
        raise GatewayFailed(f"not every plugin runs: {dict(gateway.plugins)}\n{log.tail()}")
    return gateway


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()  # its own helper ends the plugins
        process.wait()


class _Log:
    """What the gateway logs, read in a thread so that it never waits for the test."""

    def __init__(self, stream: IO[str]) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._stream = stream
        self._serving: dict[str, Any] | None = None
        self._decided = threading.Event()
        self._reader = threading.Thread(target=self._read, name="gateway log", daemon=True)
        self._reader.start()

    def wait_serving(self, timeout: float) -> dict[str, Any]:
        """What it logs once it serves.

        Raises:
            GatewayFailed: it has ended, or takes too long.
        """
        in_time = self._decided.wait(timeout)
        if self._serving is None:
            what = "the gateway ended" if in_time else f"the gateway was not up within {timeout:g} s"
            raise GatewayFailed(f"{what}:\n{self.tail()}")
        return self._serving

    def tail(self) -> str:
        """The last lines."""
        return "\n".join(list(self.lines)[-SHOWN_LINES:])

    def close(self) -> None:
        """Wait for the last line; the process has ended."""
        self._reader.join(STOP)
        if not self._reader.is_alive():
            self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            self.lines.append(line.rstrip("\n"))
            if self._serving is None and f'"{SERVING}"' in line:
                self._serving = json.loads(line)
                self._decided.set()
        self._decided.set()
