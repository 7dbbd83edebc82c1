"""The program of `support.forked`: has imported `servehttp`, and forks a process of it whenever it is asked to.

It asks for nothing but the number of a socket. What comes there is one JSON object a message, with four files:
standard input, output and error, and one to which the process' number is written and, when it has ended, its exit code.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import runpy
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Any

MESSAGE_SIZE = 1 << 18
FILES = 4
IMPORTED = (
    "servehttp.cli",
    "servehttp.running",
    "servehttp.front.server",
    "servehttp.metrics.listener",
    "servehttp.operating.rest_client",
    "servehttp.workers.pool",
    "servehttp.workspace.embedding.accounts",
    "servehttp.workspace.embedding.backups",
    "servehttp.workspace.embedding.host",
    "servehttp.workspace.embedding.restoring",
)


def main() -> None:
    """Serve until the socket is closed; in each process that is forked, be `python -m servehttp`."""
    gc.disable()
    for name in IMPORTED:
        import_module(name)
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        _become(request)


def _serve(asked: socket.socket) -> dict[str, Any] | None:
    """Fork; returns in each process that is forked, with what it is to be, and at the end."""
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    told: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([asked, woken], [], [])
        if woken in ready:
            woken.recv(1024)
            _reap(told)
        if asked in ready:
            message, files, _, _ = socket.recv_fds(asked, MESSAGE_SIZE, FILES)
            if not message:
                return None
            number = os.fork()
            if number == 0:
                signal.set_wakeup_fd(-1)
                for place, file in enumerate(files[:3]):
                    os.dup2(file, place)
                for end in (asked, woken, wake):
                    end.detach()
                os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
                return json.loads(message)  # type: ignore[no-any-return]
            for file in files[:3]:
                os.close(file)
            told[number] = files[3]
            os.write(files[3], b"%d\n" % number)


def _reap(told: dict[int, int]) -> None:
    while told:
        number, status = os.waitpid(-1, os.WNOHANG)
        if number == 0:
            return
        file = told.pop(number)
        os.write(file, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(file)


def _become(request: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if request["files"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (request["files"], request["files"]))
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path.insert(0, request["cwd"])  # as `-m` has it
    sys.argv[1:] = request["arguments"]
    gc.enable()
    runpy.run_module("servehttp", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
