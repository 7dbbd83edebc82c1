"""Builds the go-plugin host in `go/`, from our protos and Debian's Go packages, and runs it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROTO = HERE.parent.parent / "proto"
SOURCES = sorted((HERE / "go").glob("*.go"))

GO_CODE = Path("/usr/share/gocode")
GO_PLUGIN = GO_CODE / "src/github.com/hashicorp/go-plugin"
TOOLS = ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc")
PACKAGES = (
    "golang-go golang-github-hashicorp-go-plugin-dev golang-google-grpc-dev golang-github-golang-protobuf-1-5-dev"
    " golang-google-protobuf-dev protoc-gen-go-1-5 protoc-gen-go-grpc protobuf-compiler"
)

# go-plugin brings its own copy of the services in goplugin.proto.
LINKER_FLAGS = "-X google.golang.org/protobuf/reflect/protoregistry.conflictPolicy=ignore"

BUILD_TIMEOUT = 200
RUN_TIMEOUT = 50

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


def missing() -> list[str]:
    """What building needs and is not there."""
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    return tools if GO_PLUGIN.is_dir() else [*tools, str(GO_PLUGIN)]


def could_be_installed() -> bool:
    """Whether this process could have installed it."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def build(folder: Path) -> Path:
    """The host's binary in `folder`, made by whichever process comes first."""
    folder.mkdir(exist_ok=True)
    binary = folder / "go_host"
    with _locked(folder / "lock"):
        if not binary.exists():
            _generate(folder / "gopath/src")
            _compile(folder / "gopath", binary)
    return binary


def run(binary: Path, plugin: Path, steps: Sequence[Step], log: Path) -> Report:
    """Let the host start the plugin in a folder, take the steps and end it."""
    # go-plugin reads the plugin's stdout by itself from version 1.2 on.
    flags = [] if (GO_PLUGIN / "grpc_stdio.go").exists() else ["-read-stdio"]
    command = [str(binary), "-log", str(log), *flags, sys.executable, "plugin.py"]
    process = subprocess.Popen(
        command, cwd=plugin, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        output, _ = process.communicate(json.dumps(list(steps)).encode(), RUN_TIMEOUT)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == 0
    return Report(**json.loads(output), log=[json.loads(line) for line in log.read_text().splitlines()])


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _generate(out: Path) -> None:
    out.mkdir(parents=True)
    contract = (PROTO / "mattermost/pluginapi/v1").glob("*.proto")
    files = [str(path.relative_to(PROTO)) for path in sorted(contract) if path.name != "api.proto"]
    roots = [f"-I{PROTO}", f"-I{PROTO / 'goplugin'}"]
    _tool(["protoc", *roots, f"--go_out={out}", f"--go-grpc_out={out}", *files, "goplugin.proto"])


def _compile(go_path: Path, binary: Path) -> None:
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": f"{go_path}:{GO_CODE}", "GOFLAGS": ""}
    _tool(["go", "build", "-ldflags", LINKER_FLAGS, "-o", str(binary), *map(str, SOURCES)], environment)


def _tool(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=BUILD_TIMEOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:2])} failed:\n{done.stderr}")
