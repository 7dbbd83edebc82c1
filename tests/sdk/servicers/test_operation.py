"""A plugin's process tells its own metrics, and logs from the level that it is told."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from mattermost_plugin.calls.outcomes import Deadline
from mattermost_plugin.grpc import operation_pb2 as pb
from mattermost_plugin.servicers.operation import LIBRARY, Gathering, set_log_level
from mattermost_plugin.statuses import CallFailed, Status

pytestmark = pytest.mark.anyio

CONTEXT = Deadline(None)


def asked(largest: int = 1000) -> bytes:
    return pb.GatherRequest(largest=largest).SerializeToString()


async def test_a_plugin_that_has_not_imported_the_library_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, LIBRARY, raising=False)
    assert pb.GatherResponse.FromString(await Gathering().answer(asked(), CONTEXT)).text == b""
    assert LIBRARY not in sys.modules


async def test_it_tells_what_is_in_the_librarys_registry() -> None:
    from prometheus_client import REGISTRY, Counter

    counter = Counter("of_a_test", "Of a test.")
    counter.inc(3)
    try:
        text = pb.GatherResponse.FromString(await Gathering().answer(asked(100_000), CONTEXT)).text
        assert b"\nof_a_test_total 3.0\n" in text
        with pytest.raises(CallFailed) as caught:
            await Gathering().answer(asked(10), CONTEXT)
        assert caught.value.status == Status.RESOURCE_EXHAUSTED
    finally:
        REGISTRY.unregister(counter)


async def test_one_whose_collectors_hang_is_asked_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def generate_latest() -> bytes:
        begun.set()
        go_on.wait()
        return b"late 1\n"

    monkeypatch.setitem(sys.modules, LIBRARY, SimpleNamespace(generate_latest=generate_latest))
    gathering = Gathering()
    first = asyncio.create_task(gathering.answer(asked(), CONTEXT))
    await asyncio.to_thread(begun.wait)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    with pytest.raises(CallFailed, match="already"):
        await gathering.answer(asked(), CONTEXT)
    go_on.set()


@pytest.fixture
def _levels() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", "mattermost_plugin", "stdout", "grpc")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("_levels")
async def test_the_level_is_changed_for_the_plugins_loggers_and_our_own() -> None:
    await set_log_level(pb.SetLogLevelRequest(level="error").SerializeToString(), CONTEXT)
    assert logging.getLogger().level == logging.getLogger("mattermost_plugin").level == logging.ERROR
    for bad in (pb.SetLogLevelRequest(level="loud").SerializeToString(), b"\xff"):
        with pytest.raises(CallFailed):
            await set_log_level(bad, CONTEXT)
    assert logging.getLogger().level == logging.ERROR
