"""Executes a page in a folder of its own: files are written, consoles typed, and gateways serve as the page says.

The commands are those of the page but for one thing: ports 8065, 7000 and 5678 become such as are free. Of the build,
what is printed is what the compiled one prints.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO

from docs.pages import Block, Command, commands
from servehttp.build import describe_build
from support.patience import PATIENCE

USUAL_PORTS = ("8065", "7000", "5678")
"""The gateway's, a plugin's that is served by hand, a debugger's."""
READY = ("Press Ctrl-C to stop.", "Attach it to a gateway:")
PYTEST_PLUGINS = "mattermost_plugin.testing.pytest_plugin,servehttp.testing.pytest_plugin"
"""Ours, which are found by this though the installation is older than the sources."""
SEPARATOR = "\x1e"
COMMAND_TIMEOUT = PATIENCE
STOP_TIMEOUT = PATIENCE


class Session:
    """What one page does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {usual: str(_free_port()) for usual in USUAL_PORTS}
        self.serving = ExitStack()

    def execute(self, block: Block) -> None:
        """Do what a block says; whatever goes otherwise than it says is an AssertionError."""
        if block.title:
            self._write(block)
        elif block.mark == "runs":
            self._type(block)
        elif block.mark == "serves":
            self.serving.close()
            self._serve(block)
        elif block.mark == "beside":
            self._serve(block)
        elif block.language == "python" and block.mark != "fragment":
            _import(block)

    def close(self) -> None:
        """Stop what is served."""
        self.serving.close()

    def _write(self, block: Block) -> None:
        if block.language == "python":
            compile(block.text, block.place, "exec")
        file = self.folder / block.title.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._with_own_port(block.text), encoding="utf-8")

    def _type(self, block: Block) -> None:
        typed = commands(block)
        script = "set -eo pipefail\n" + "".join(f"{command.line}\nprintf '\\x1e'\n" for command in typed)
        ended = subprocess.run(
            ["bash", "-c", self._with_own_port(script)], cwd=self.folder, env=self._environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=COMMAND_TIMEOUT, check=False,
        )  # fmt: skip
        outputs = self._with_usual_port(ended.stdout).split(SEPARATOR)
        assert len(outputs) == len(typed) + 1, f"{block.place}: {typed[len(outputs) - 1].line}\nfailed\n{outputs[-1]}"
        for command, output in zip(typed, outputs, strict=False):
            _compare(block, command, output)

    def _serve(self, block: Block) -> None:
        (command,) = commands(block)
        lines = self.serving.enter_context(self._served(command))
        _compare(block, command, self._with_usual_port("".join(lines)))

    @contextmanager
    def _served(self, command: Command) -> Iterator[list[str]]:
        words = self._with_own_port(command.line)
        process = subprocess.Popen(
            ["bash", "-c", f"exec {words}"], cwd=self.folder, env=self._environment(), stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        try:
            yield list(_until_ready(process.stderr))
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=STOP_TIMEOUT)
            assert process.returncode == 0, f"{command.line} ended with {process.returncode}"
        finally:
            process.kill()
            process.communicate()

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("SERVEHTTP_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}"
        console = {
            "SERVEHTTP_SERVER__PORT": self.ports[USUAL_PORTS[0]],
            "SERVEHTTP_LOG__FORMAT": "console",
            "no_proxy": "127.0.0.1",
        }
        return ours | console | {"PATH": path, "COLUMNS": "200", "PYTEST_PLUGINS": PYTEST_PLUGINS}

    def _with_own_port(self, text: str) -> str:
        return _exchange(text, self.ports)

    def _with_usual_port(self, text: str) -> str:
        text = _exchange(text, {own: usual for usual, own in self.ports.items()})
        return text.replace(f"({describe_build()})", "(compiled)")


def _exchange(text: str, ports: Mapping[str, str]) -> str:
    return re.sub("|".join(ports), lambda found: ports[found[0]], text)


def _until_ready(stderr: IO[str]) -> Iterator[str]:
    for line in stderr:
        yield line
        if any(ready in line for ready in READY):
            return


def _import(block: Block) -> None:
    module = ModuleType("page")
    exec(compile(block.text, block.place, "exec", dont_inherit=True), vars(module))


def _compare(block: Block, command: Command, output: str) -> None:
    expected = ".*".join(re.escape(part) for part in command.output.strip().split("…"))
    assert re.fullmatch(expected, output.strip(), re.DOTALL), (
        f"{block.place}: {command.line}\nprints\n{output}\ninstead of\n{command.output}"
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
