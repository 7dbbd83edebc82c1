"""The gateway as a process of its own, whose log the test reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.patience import PATIENCE

# So that plugins find the SDK where it is not installed but on the path of whoever runs the tests.
ENVIRONMENT = {"SERVEHTTP_PLUGINS__ENV_ALLOW": "PYTHONPATH"}

START_TIMEOUT = PATIENCE
STOP_TIMEOUT = PATIENCE

Record = dict[str, Any]


class Gateway:
    """A running gateway; its log lines are collected as they come."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def port(self) -> int:
        """Where it serves, once it says so."""
        port = urlsplit(self.wait_for(lambda record: record.get("event") == "serving")["url"]).port
        assert port
        return port

    def wait_for(self, wanted: Callable[[Record], bool], timeout: float = START_TIMEOUT) -> Record:
        """The first record of the log, past ones included, that is `wanted`."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._ended or self._find(wanted) is not None, timeout), self.log()
            found = self._find(wanted)
        assert found is not None, self.log()
        return found

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_TIMEOUT)
        self._reader.join(STOP_TIMEOUT)
        return code

    def log(self) -> str:
        """All it wrote so far."""
        return "\n".join(self.lines)

    def _find(self, wanted: Callable[[Record], bool]) -> Record | None:
        return next((record for record in map(_record, self.lines) if wanted(record)), None)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.decode().rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


@contextmanager
def gateway(folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """Serve a folder at a free port; the gateway is stopped at the end."""
    command = [
        sys.executable,
        "-m",
        "servehttp",
        "serve",
        "--no-workspace",
        str(folder),
        "--port",
        "0",
        "--log-format",
        "json",
        *options,
    ]
    with subprocess.Popen(
        command,
        cwd=folder.parent,
        env=os.environ | ENVIRONMENT | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        running = Gateway(process)
        try:
            yield running
        finally:
            if process.poll() is None:
                try:
                    running.stop()
                finally:
                    process.kill()


def _record(line: str) -> Record:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
