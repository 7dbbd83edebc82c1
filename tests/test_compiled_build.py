"""What runs here is what was asked for: compiled modules in a compiled build, in every process, and none otherwise."""

from __future__ import annotations

import importlib
from asyncio import CancelledError
from collections.abc import Generator
from pathlib import Path
from typing import NoReturn

import hatch_build
import psutil
import pytest

from mattermost_plugin.asgi.http import HTTPCycle
from mattermost_plugin.tunnel import connection
from mattermost_plugin.types import Receive, Scope, Send
from servehttp.build import is_compiled
from support.exchanges import FakeExchange
from support.gateway import running
from support.tunnels import GET
from test_compiled_classes import PROJECT, compiled_modules

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

IN_PLACE = Path(connection.__file__).is_relative_to(PROJECT / "sdk")
"""The package runs from its source files: it is an editable installation."""

EXTENSION = "servehttp__mypyc"

HELLO = Path(__file__).parents[1] / "examples" / "hello"


def test_what_is_installed_is_compiled_wherever_it_can_be() -> None:
    assert is_compiled() == (not IN_PLACE and not hatch_build.reason_for_pure())


@pytest.mark.parametrize("name", compiled_modules())
def test_all_modules_are_compiled_or_none(name: str) -> None:
    path = importlib.import_module(name).__file__
    assert path is not None
    assert path.endswith(".so" if is_compiled() else ".py")


def has_compiled_modules(process: psutil.Process) -> bool:
    return any(EXTENSION in area.path for area in process.memory_maps())


async def test_gateways_and_plugins_run_the_build_that_is_tested() -> None:
    async with running(HELLO) as gateway:
        plugins = [process for process in gateway.below() if "plugin.py" in " ".join(process.cmdline())]
        assert plugins
        assert {has_compiled_modules(each) for each in (psutil.Process(gateway.pid), *plugins)} == {is_compiled()}


class Waiting:
    """Can be awaited, and remembers how it was ended."""

    def __init__(self) -> None:
        self.thrown: tuple[object, ...] = ()

    def __await__(self) -> Generator[None, None, None]:
        return self  # type: ignore[return-value]  # as much of a generator as is needed

    def __iter__(self) -> Waiting:
        return self

    def __next__(self) -> None:
        return None

    def throw(self, *arguments: object) -> NoReturn:
        self.thrown = arguments
        raise CancelledError


def test_an_exception_reaches_what_is_awaited_as_itself_alone() -> None:
    """More arguments warn since Python 3.12, and the warning would take the place of the exception."""
    waiting, cancelled = Waiting(), CancelledError()

    def app(scope: Scope, receive: Receive, send: Send) -> Waiting:
        return waiting

    coroutine = HTTPCycle(FakeExchange(GET)).run(app, {}).__await__()
    next(coroutine)
    with pytest.raises(CancelledError):
        coroutine.throw(cancelled)
    assert waiting.thrown == (cancelled,)
