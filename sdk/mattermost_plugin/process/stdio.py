"""The process's stdout, which a go-plugin host wants for the handshake line alone.

When a host started the process, `reserve_stdout` keeps the real stdout aside, as early as the package is imported, and
lets file descriptor 1 be stderr, so that a print in the plugin's module cannot break the handshake. While the plugin
is served, a `StdoutPump` reads what is printed and hands it on line by line, to the host if it asked for it, else to
the log. Printing never waits for whoever reads: what they do not take in time is counted and dropped.
"""

from __future__ import annotations

import asyncio
import faulthandler
import io
import os
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from mattermost_plugin.handshake import MAGIC_COOKIE_KEY, MAGIC_COOKIE_VALUE
from mattermost_plugin.loggers import get_logger

STDOUT = 1
STDERR = 2

MAX_LINE = 8 * 1024
"""Bytes. A longer line is cut, and marked."""
MAX_WAITING_LINES = 1000
"""Lines kept for a host that reads slowly."""
READ_SIZE = 64 * 1024
CLOSE_TIMEOUT = 1.0
"""Seconds to read what was printed last; a child process that still holds the pipe does not get more."""
CUT_MARK = b" [line cut]"

printed = get_logger("stdout")

_handshake_fd: int | None = None


def reserve_stdout() -> None:
    """If a host started this process, keep its stdout for the handshake and let prints go to stderr.

    The magic cookie leaves the environment, so that children of the plugin are not taken for plugins.
    """
    global _handshake_fd
    if os.environ.get(MAGIC_COOKIE_KEY) != MAGIC_COOKIE_VALUE or _handshake_fd is not None:
        return
    del os.environ[MAGIC_COOKIE_KEY]
    _handshake_fd = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    _buffer_by_line()
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = LineOutput(sys.stderr)


def started_by_host() -> bool:
    """Whether a host started this process, and not a person by hand."""
    return _handshake_fd is not None


def trace_crashes() -> None:
    """Should a signal such as SIGSEGV end the process, say first on stderr where it was."""
    faulthandler.enable(STDERR, all_threads=False)


def write_handshake(line: str) -> None:
    """Write a line to the stdout that was reserved.

    Raises:
        RuntimeError: no host started this process.
        OSError: the host does not read any more.
    """
    if _handshake_fd is None:
        raise RuntimeError("no host started this process, so nobody reads a handshake")
    data = line.encode() + b"\n"
    while data:
        data = data[os.write(_handshake_fd, data) :]


class LineOutput(io.TextIOWrapper):
    """Text output, such as stderr, on which lines can be written that share theirs with nothing else.

    Args:
        output: what it stands in for; its underlying file is the same.
    """

    def __init__(self, output: io.TextIOWrapper) -> None:
        super().__init__(output.buffer, output.encoding, output.errors, line_buffering=True)
        self._turn = threading.RLock()
        self._at_start = True

    def write(self, text: str) -> int:
        with self._turn:
            if text:
                self._at_start = text.endswith("\n")
            return super().write(text)

    def write_line(self, text: str) -> None:
        """Write a line of its own, after the end of one that was left open."""
        with self._turn:
            self.write(f"{text}\n" if self._at_start else f"\n{text}\n")


def _buffer_by_line() -> None:
    """Let a line leave in one piece, also where `PYTHONUNBUFFERED` asks for every write at once."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True, write_through=False)


class PrintedLines:
    """Lines on their way from the pump's thread to the host, while the host has asked for them."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._lost = 0
        self._lock = threading.Lock()
        self._readers = 0
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    def put(self, line: bytes) -> bool:
        """Add a line, from any thread; False when no host asks for it."""
        with self._lock:
            if not self._readers or self._loop is None:
                return False
            if len(self._lines) >= MAX_WAITING_LINES:
                self._lost += 1
                return True
            self._lines.append(line)
            if len(self._lines) == 1:
                self._loop.call_soon_threadsafe(self._news.set)
        return True

    @contextmanager
    def reading(self) -> Iterator[AsyncIterator[bytes]]:
        """All that is printed from here on, as it comes, until `close`."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._readers += 1
        try:
            yield self._read()
        finally:
            with self._lock:
                self._readers -= 1

    def close(self) -> None:
        """Let the readers end once they have all lines."""
        self._closed = True
        self._news.set()

    async def _read(self) -> AsyncIterator[bytes]:
        while not self._closed or self._lines:
            self._news.clear()
            data = self._take()
            if data:
                yield data
            elif not self._closed:
                await self._news.wait()

    def _take(self) -> bytes:
        with self._lock:
            lines = list(self._lines)
            self._lines.clear()
            if self._lost:
                lines.append(b"[%d lines lost]" % self._lost)
                self._lost = 0
        return b"".join(line + b"\n" for line in lines)


class StdoutPump:
    """Reads what the process prints while it is open.

    Args:
        take: gets each line, without its end, in a thread of the pump's; False lets the pump log it.
    """

    def __init__(self, take: Callable[[bytes], bool]) -> None:
        self._take = take
        self._before = -1
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Let file descriptor 1 be a pipe that is read for as long as anything holds its other end."""
        read_end, write_end = os.pipe()
        self._before = os.dup(STDOUT)
        os.dup2(write_end, STDOUT)
        os.close(write_end)
        _buffer_by_line()
        self._thread = threading.Thread(target=self._pump, args=(read_end,), name="stdout", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give file descriptor 1 back and wait, for `CLOSE_TIMEOUT`, until all that was printed is handed on."""
        if self._thread is None:
            return
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
        os.dup2(self._before, STDOUT)
        os.close(self._before)
        self._thread.join(CLOSE_TIMEOUT)
        self._thread = None

    def _pump(self, read_end: int) -> None:
        for line in cut_lines(_chunks(read_end)):
            if not self._take(line):
                printed.info("%s", line.decode(errors="backslashreplace"))


def _chunks(fd: int) -> Iterator[bytes]:
    with open(fd, "rb", buffering=0) as pipe:
        while data := pipe.read(READ_SIZE):
            yield data


def cut_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The lines in a stream of bytes, without their ends; of a line above `MAX_LINE` the beginning, marked."""
    line = b""
    cutting = False
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            if not cutting:
                yield _shortened(line + part)
            line, cutting = b"", False
        if not cutting:
            line += rest
        if len(line) > MAX_LINE:
            yield _shortened(line)
            line, cutting = b"", True
    if line:
        yield _shortened(line)


def _shortened(line: bytes) -> bytes:
    return line.rstrip(b"\r") if len(line) <= MAX_LINE else line[:MAX_LINE] + CUT_MARK
