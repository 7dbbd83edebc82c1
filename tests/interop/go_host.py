"""Builds the go-plugin host in `go/`, from our protos and Debian's Go packages, and runs it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop import go_tools
from support.patience import PATIENCE

BUILD_TIMEOUT = 200
RUN_TIMEOUT = PATIENCE

Step = dict[str, Any]


@dataclass
class Report:
    """What the host saw.

    Attributes:
        start_error: why the plugin did not start; empty if it did.
        network: of the handshake.
        answers: one for each step.
        sync_stdout: what the plugin printed, as the host gets it.
        stderr: the plugin's stderr, line by line.
        kill_took: seconds that ending it took.
        exited: it ended.
        exit_code: -1 when a signal ended it.
        log: the records of the host's log, the plugin's among them.
    """

    start_error: str
    network: str
    answers: list[dict[str, Any]]
    sync_stdout: str
    sync_stderr: str
    stderr: str
    kill_took: float
    exited: bool
    exit_code: int
    log: list[dict[str, Any]]

    @property
    def host_messages(self) -> list[str]:
        """What the host itself logged."""
        return [record["@message"] for record in self.log if record["@module"] == "host"]

    @property
    def plugin_records(self) -> list[dict[str, Any]]:
        """What the host logged of the plugin's stderr."""
        return [record for record in self.log if record["@module"] != "host"]


def build(folder: Path) -> Path:
    """The host's binary in `folder`, made by whichever process comes first."""
    folder.mkdir(exist_ok=True)
    binary = folder / "go_host"
    with _locked(folder / "lock"):
        if not binary.exists():
            go_tools.generate(folder / "gopath")
            _compile(folder / "gopath", binary)
    return binary


def run(binary: Path, plugin: Path, steps: Sequence[Step], log: Path) -> Report:
    """Let the host start the plugin in a folder, take the steps and end it."""
    # go-plugin reads the plugin's stdout by itself from version 1.2 on.
    flags = [] if (go_tools.GO_PLUGIN / "grpc_stdio.go").exists() else ["-read-stdio"]
    command = [str(binary), "-log", str(log), *flags, sys.executable, "plugin.py"]
    exit_code, output = go_tools.run(
        command, given=json.dumps(list(steps)).encode(), timeout=RUN_TIMEOUT, cwd=plugin, stdout=subprocess.PIPE
    )
    assert exit_code == 0
    return Report(**json.loads(output), log=[json.loads(line) for line in log.read_text().splitlines()])


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(go_path: Path, binary: Path) -> None:
    command = ["go", "build", "-ldflags", go_tools.LINKER_FLAGS, "-o", str(binary)]
    environment = go_tools.environment(go_path)
    subprocess.run(command, cwd=go_tools.GO_SOURCES, env=environment, timeout=BUILD_TIMEOUT, check=True)
