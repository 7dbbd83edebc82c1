"""A gateway that runs out of descriptors: clients are turned away, and plugins come back all the same."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from pathlib import Path

import psutil
import pytest

from servehttp.errors import GatewayError, is_host_lack
from support.client import fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = 200
TARGET = "/plugins/com.example.hello/hello/world"


async def connect_idle(port: int, count: int) -> list[socket.socket]:
    """Connections on which nothing is asked."""
    loop = asyncio.get_running_loop()
    sockets = []
    for _ in range(count):
        one = socket.socket()
        one.setblocking(False)
        await loop.sock_connect(one, ("127.0.0.1", port))
        sockets.append(one)
    return sockets


async def turned_away(one: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    received = b""
    async with asyncio.timeout(PATIENCE):
        while data := await loop.sock_recv(one, 65536):
            received += data
    return received


def plugin_process(gateway: Gateway) -> psutil.Process:
    return next(child for child in gateway.below() if any(part.endswith("plugin.py") for part in child.cmdline()))


async def restarted(gateway: Gateway) -> None:
    """Kills the plugin, and waits for the next process."""
    before = len(gateway.logs)
    plugin_process(gateway).kill()
    await gateway.log(lambda log: log["event"] == "plugin runs" and log not in gateway.logs[:before])


@pytest.mark.parametrize("parser", ["httptools", "h11"])
async def test_a_plugin_comes_back_while_idle_clients_hold_all_that_they_may(parser: str) -> None:
    timeouts = {"SERVEHTTP_LIMITS__HEADER_TIMEOUT": "120", "SERVEHTTP_PLUGINS__RESTART_DELAY": "0.1"}
    async with running(EXAMPLES / "hello", "--http", parser, environment=timeouts, files=FILES) as gateway:
        idle = await connect_idle(gateway.port, 260)
        try:
            answer = await turned_away(idle[-1])
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 1\r\n" in answer
            for _ in range(2):
                await restarted(gateway)
            assert psutil.Process(gateway.pid).num_fds() < FILES
            for one in idle[:50]:
                one.close()
            async with asyncio.timeout(PATIENCE):
                while True:
                    with contextlib.suppress(Exception):
                        if (await fetch(gateway.port, TARGET)).status == 200:
                            break
                    await asyncio.sleep(0.05)
        finally:
            for one in idle:
                one.close()
        assert not [log for log in gateway.logs if "Too many open files" in str(log)]


def raised(error: BaseException) -> GatewayError:
    try:
        try:
            raise error
        except BaseException as cause:
            raise GatewayError("it did not start") from cause
    except GatewayError as failure:
        return failure


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN])
def test_what_the_system_has_none_left_of_is_its_lack(number: int) -> None:
    assert is_host_lack(raised(OSError(number, "")))
    assert is_host_lack(raised(MemoryError()))


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, ""), ValueError(), ConnectionResetError()])
def test_nothing_else_is(error: BaseException) -> None:
    assert not is_host_lack(raised(error))
