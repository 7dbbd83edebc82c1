"""Processes of `python -m servehttp`, forked from one that has imported it.

Hundreds of tests start a gateway or enter a command, and half of what each takes of the machine is to import the same
modules. A forked process has the arguments, environment, folder and files that one of its own would have. Where Python
itself is to be told something by its environment, it is one of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

PROGRAM = Path(__file__).with_name("forking_server.py")
OF_PYTHON = ("PYTHON", "COVERAGE")
"""What the interpreter reads at its start, by the beginnings of its names."""
LINE_LIMIT = 1 << 20


class Process(Protocol):
    """What tests want of a process, forked or not."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    @property
    def stderr(self) -> asyncio.StreamReader | None: ...

    def send_signal(self, signal: int) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    async def wait(self) -> int: ...


class _Forked:
    """One that was forked, as `asyncio.subprocess.Process` has it."""

    def __init__(self, pid: int, status: int, stderr: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stderr = stderr
        self.returncode: int | None = None
        self._ended = asyncio.create_task(self._wait(status))

    def send_signal(self, signal: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    async def _wait(self, status: int) -> int:
        self.returncode = int(await (await _reader(status)).read())
        return self.returncode


class _Server:
    """The process that forks; it ends with this one, which has the other end of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._socket = ours
        self._lock = threading.Lock()
        self._nothing = os.open(os.devnull, os.O_RDONLY)
        self.environment = {name: value for name, value in os.environ.items() if name.startswith(OF_PYTHON)}
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-P", str(PROGRAM), str(number)]
            self._process = subprocess.Popen(
                command, pass_fds=[number], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()

    def fork(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        standard: tuple[int | None, int, int],
        files: int | None,
    ) -> tuple[int, int]:
        """Returns the process' number, and the file that its exit code comes by."""
        asked = {"arguments": list(arguments), "environment": dict(environment), "cwd": str(cwd), "files": files}
        status, tells = os.pipe()
        with self._lock:
            socket.send_fds(
                self._socket,
                [json.dumps(asked).encode()],
                [self._nothing if standard[0] is None else standard[0], *standard[1:], tells],
            )
            os.close(tells)
            number = b""
            while not number.endswith(b"\n"):  # one byte at a time, for the exit code may be behind it
                if not (byte := os.read(status, 1)):
                    raise ChildProcessError("the process that forks has ended")
                number += byte
        return int(number), status


_server = functools.cache(_Server)


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a process with this environment can be one that is forked."""
    if "COVERAGE_PROCESS_CONFIG" in environment:
        return False
    return {name: value for name, value in environment.items() if name.startswith(OF_PYTHON)} == _server().environment


async def start(
    arguments: Sequence[str], environment: Mapping[str, str], files: int | None = None, stdin: int | None = None
) -> Process:
    """Start `python -m servehttp`.

    Args:
        arguments: those behind it.
        environment: all variables.
        files: how many it may open at a time.
        stdin: its standard input, if not nothing.
    """
    if not can_fork(environment):
        limited = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(files)) if files else ()
        return await asyncio.create_subprocess_exec(
            *(*limited, sys.executable, "-m", "servehttp", *arguments),
            stdin=asyncio.subprocess.DEVNULL if stdin is None else stdin,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            limit=LINE_LIMIT,
        )
    printed, prints = os.pipe()
    number, status = _server().fork(arguments, environment, Path.cwd(), (stdin, 1, prints), files)
    os.close(prints)
    return _Forked(number, status, await _reader(printed))


def run(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `python -m servehttp` to its end; raises `subprocess.TimeoutExpired` where that does not come in time.

    Args:
        arguments: those behind it.
        environment: all variables.
        cwd: where it runs.
        timeout: seconds.
    """
    command = [sys.executable, "-m", "servehttp", *arguments]
    if not can_fork(environment):
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        number, status = _server().fork(arguments, environment, cwd, (None, output.fileno(), errors.fileno()), None)
        code = _wait(command, number, status, timeout)
        return subprocess.CompletedProcess(command, code, _text(output), _text(errors))


def _wait(command: Sequence[str], number: int, status: int, timeout: float) -> int:
    """The exit code."""
    with open(status, "rb") as file:
        ended = select.poll()
        ended.register(file, select.POLLIN)
        if not ended.poll(timeout * 1000):
            os.kill(number, signal.SIGKILL)
            file.read()
            raise subprocess.TimeoutExpired(command, timeout)
        return int(file.read())


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


async def _reader(file: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(LINE_LIMIT)
    pipe = os.fdopen(file, "rb", 0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader
