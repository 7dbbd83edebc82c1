"""A service manager is told, by sd_notify(3), of the start, reloads, the end, and that the event loop lives."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from servehttp.aio import meanwhile
from servehttp.service_manager import ServiceManager
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@servehttp-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1))
        listener.settimeout(PATIENCE)
        yield listener, name


def told(listener: socket.socket) -> list[str]:
    return listener.recv(4096).decode().splitlines()


def test_what_is_told_are_lines_of_one_message(manager: tuple[socket.socket, str]) -> None:
    listener, name = manager
    environment = {"NOTIFY_SOCKET": name, "OTHER": "1"}
    service = ServiceManager.of(environment)
    assert environment == {"OTHER": "1"}
    with service.reloading("early"):  # while it starts, it is not ready because of that
        pass
    service.ready("serving")
    assert told(listener) == ["READY=1", "STATUS=serving"]
    with service.reloading("serving"):
        state, microseconds = told(listener)
        assert (state, microseconds[:15]) == ("RELOADING=1", "MONOTONIC_USEC=")
        assert int(microseconds[15:]) > 0
    assert told(listener) == ["READY=1", "STATUS=serving"]
    service.stopping()
    assert told(listener) == ["STOPPING=1", "STATUS=stopping"]


async def test_the_watchdog_is_told_again_and_again(manager: tuple[socket.socket, str]) -> None:
    listener, name = manager
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}
    async with meanwhile(ServiceManager.of(environment).watch()):
        for _ in range(3):
            assert await asyncio.to_thread(told, listener) == ["WATCHDOG=1"]


@pytest.mark.parametrize("environment", [{}, {"WATCHDOG_USEC": "no"}, {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}])
async def test_without_a_watchdog_nothing_is_watched(environment: dict[str, str]) -> None:
    async with asyncio.timeout(PATIENCE):
        await ServiceManager.of(dict(environment)).watch()


def test_a_manager_that_is_gone_is_no_trouble(tmp_path: Path) -> None:
    ServiceManager(str(tmp_path / "nobody")).ready("serving")
    ServiceManager().ready("serving")
