"""The Go tool chain that Debian packages: what is missing of it, what it makes of our protos, how it is run."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support import debian

HERE = Path(__file__).resolve().parent
GO_SOURCES = HERE / "go"
PROTO = HERE.parent.parent / "proto"

GO_CODE = Path("/usr/share/gocode")
GO_PLUGIN = GO_CODE / "src/github.com/hashicorp/go-plugin"
TOOLS = ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc")
PACKAGES = (
    "golang-go",
    "golang-github-hashicorp-go-plugin-dev",
    "golang-google-grpc-dev",
    "golang-github-golang-protobuf-1-5-dev",
    "golang-google-protobuf-dev",
    "protoc-gen-go-1-5",
    "protoc-gen-go-grpc",
    "protobuf-compiler",
)

# go-plugin brings its own copy of the services in goplugin.proto.
LINKER_FLAGS = "-X google.golang.org/protobuf/reflect/protoregistry.conflictPolicy=ignore"

GENERATE_TIMEOUT = 60


def missing() -> list[str]:
    """What building needs and is not there."""
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    return tools if GO_PLUGIN.is_dir() else [*tools, str(GO_PLUGIN)]


def missing_text() -> str:
    """A sentence about what is missing and which packages bring it; empty when nothing is."""
    names = ", ".join(missing())
    return f"{names} missing: install the Debian packages {' '.join(PACKAGES)}" if names else ""


def install_missing() -> str:
    """Install what is missing where that is possible; returns `missing_text` of what still is."""
    debian.install(PACKAGES if missing() else ())
    return missing_text()


def generate(go_path: Path) -> None:
    """Write the Go packages of our contract and of go-plugin's services into a GOPATH."""
    out = go_path / "src"
    out.mkdir(parents=True, exist_ok=True)
    contract = sorted((PROTO / "mattermost/pluginapi/v1").glob("*.proto"))
    command = ["protoc", f"-I{PROTO}", f"-I{PROTO / 'goplugin'}", f"--go_out={out}", f"--go-grpc_out={out}"]
    subprocess.run([*command, *map(str, contract), "goplugin.proto"], timeout=GENERATE_TIMEOUT, check=True)


def environment(go_path: Path) -> dict[str, str]:
    """The environment for `go`: packages come out of a GOPATH and from Debian, nothing from the network."""
    return {**os.environ, "GO111MODULE": "off", "GOPATH": f"{go_path}:{GO_CODE}", "GOFLAGS": ""}


def run(command: Sequence[str], *, given: bytes = b"", timeout: float | None = None, **options: Any) -> tuple[int, Any]:
    """Run a program in a process group of its own, of which nothing is left afterwards.

    Args:
        command: the program and its arguments.
        given: its stdin.
        timeout: seconds until it is killed.
        **options: of `subprocess.Popen`.

    Returns:
        Its exit code, and its stdout if that is a pipe.

    Raises:
        subprocess.TimeoutExpired: it took too long.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **options) as process:
        try:
            output, _ = process.communicate(given, timeout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, output
