"""Records a terminal for the front page as docs/pictures/terminal.svg: a plugin is begun, served and edited.

Usage: python docs/make_terminal.py [FILE]

All of it is done, in a folder of its own, and what is shown is what was printed, but for this: the folder is `~`, the
port is the usual one, the build is the compiled one, and the new workspace's token is left out.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from servehttp.build import describe_build

PICTURE = Path(__file__).with_name("pictures") / "terminal.svg"
COLUMNS = 100
PATIENCE = 60.0
"""Seconds that each step may take."""
USUAL_PORT = "8065"
NEW, DEV = "servehttp new hello", "servehttp dev hello"
ASK = "curl -s http://127.0.0.1:8065/plugins/com.example.hello/greeting"
EDIT = "sed -i 's/Hello, /Good morning, /' hello/plugin.py"

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_TOKEN = re.compile(r"(shown only now: )\w+")


class Recording:
    """Two terminals in one folder: one in which a plugin is begun and served, and another one in which it is edited."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._first, self._second = "", ""

    def make(self) -> None:
        """Do all that is shown."""
        self._first = _typed(NEW) + self._run(NEW) + _typed(DEV)
        with self._serving() as wait_for:
            wait_for("Press Ctrl-C")
            self._try(ASK)
            self._try(EDIT)
            wait_for("was reloaded")
            self._try(ASK)

    def picture(self) -> str:
        """Both terminals as SVG, which loads nothing."""
        console = Console(record=True, width=COLUMNS, file=StringIO(), highlight=False)
        console.print(self._shown(self._first))
        console.print(Rule("in another terminal", style="dim"))
        console.print(self._shown(self._second))
        return _FONTS.sub("", console.export_svg(title="servehttp", unique_id="terminal"))

    def _try(self, line: str) -> None:
        self._second += _typed(line) + self._run(line)

    def _run(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line.replace(USUAL_PORT, self._port)], cwd=self._folder, env=self._environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        )  # fmt: skip
        return done.stdout if done.stdout.endswith("\n") or not done.stdout else f"{done.stdout}\n"

    @contextmanager
    def _serving(self) -> Iterator[Callable[[str], None]]:
        """Serve on a terminal; yields what waits for it to show something."""
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen(
                DEV.split(), cwd=self._folder, env=self._environment(), stdin=theirs, stdout=theirs, stderr=theirs
            )
            try:
                yield lambda words: self._wait_for(words, ours)
                process.send_signal(signal.SIGINT)
                process.wait(PATIENCE)
            finally:
                process.kill()
                process.wait()
        finally:
            os.close(theirs)
            os.close(ours)

    def _wait_for(self, words: str, terminal: int) -> None:
        end = time.monotonic() + PATIENCE
        while words not in self._first:
            readable, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                sys.exit(f"{words!r} was not shown:\n{self._first}")
            self._first += os.read(terminal, 65536).decode(errors="replace")

    def _shown(self, text: str) -> Text:
        text = text.replace(str(self._folder), "~").replace(self._port, USUAL_PORT).replace("\r\n", "\n")
        text = text.replace(f"({describe_build()})", "(compiled)")
        return Text.from_ansi(_TOKEN.sub(r"\1…", text).rstrip("\n"))

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("SERVEHTTP_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}"
        terminal = {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "no_proxy": "127.0.0.1"}
        return ours | terminal | {"PATH": path, "SERVEHTTP_SERVER__PORT": self._port}


def _typed(line: str) -> str:
    return f"\x1b[1;32m$\x1b[0m \x1b[1m{line}\x1b[0m\n"


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def record() -> str:
    """The picture of a terminal, as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(Path(folder).resolve())
        recording.make()
        return recording.picture()


def main() -> None:
    """Write the picture."""
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    picture.write_text(record(), encoding="utf-8")


if __name__ == "__main__":
    main()
