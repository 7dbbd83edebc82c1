"""Servers as child processes: started, waited for, and ended by their process id."""

from __future__ import annotations

import http.client
import os
import resource
import socket
import subprocess
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from harness.errors import MeasurementError

READY_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
POLL_INTERVAL = 0.01
REQUEST_TIMEOUT = 5.0
"""Seconds."""
TAIL = 2000
"""Characters of a process's output that explain why it ended."""


@contextmanager
def running(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the time of the block. Afterwards it gets SIGTERM, and SIGKILL if that does not end it.

    Raises:
        MeasurementError: it ended by itself; the text has the end of what it printed.
    """
    with TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
            if process.poll() is not None:
                raise MeasurementError("a server ended before its time")
        except MeasurementError as error:
            if process.poll() is None:
                raise
            raise MeasurementError(f"{error}\n{' '.join(command)}\n{_tail(output)}") from error
        finally:
            _end(process)


def _tail(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")[-TAIL:]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_TIMEOUT)


def free_port() -> int:
    """A port on 127.0.0.1 that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_answers(process: subprocess.Popen[bytes], port: int, path: str) -> float:
    """Ask until the answer is 200; returns the time on `time.monotonic()` at which it was.

    Raises:
        MeasurementError: the process ended, or the time is over.
    """
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        if _get(port, path)[0] == 200:
            return time.monotonic()
        time.sleep(POLL_INTERVAL)
    raise MeasurementError(f"nothing answers http://127.0.0.1:{port}{path} with 200")


def read(port: int, path: str, good: Container[int | None] = (200,)) -> bytes:
    """The body of an answer.

    Raises:
        MeasurementError: there is none with a status that is good.
    """
    status, body = _get(port, path)
    if status not in good:
        raise MeasurementError(f"http://127.0.0.1:{port}{path} was answered with {status or 'nothing'}")
    return body


def _get(port: int, path: str) -> tuple[int | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_TIMEOUT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None, b""
    finally:
        connection.close()


def allow_open_files(wanted: int) -> bool:
    """Raise the limit of open files for this process and its children as far as is allowed; tell if it is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft == resource.RLIM_INFINITY or soft >= wanted
