"""Plugins are asked side by side, and the trouble of one is its own."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from servehttp.errors import LinkError
from servehttp.metrics.gathering import Gathering
from servehttp.plugins.link import Unimplemented
from servehttp.settings.server import MetricsSettings

pytestmark = pytest.mark.anyio


class FakeLink:
    """A plugin's process that tells this."""

    def __init__(self, text: bytes | Exception) -> None:
        self.text = text
        self.asked = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def gather(self, largest: int, timeout: float) -> bytes:
        self.asked += 1
        await self.go_on.wait()
        if isinstance(self.text, Exception):
            raise self.text
        return self.text


def gathering(**links: FakeLink) -> Gathering:
    plugins: list[Any] = [
        SimpleNamespace(id=id, replicas=[SimpleNamespace(number=None, link=link)]) for id, link in links.items()
    ]
    plugins.append(SimpleNamespace(id="down", replicas=[SimpleNamespace(number=None, link=None)]))
    return Gathering(plugins, MetricsSettings())


async def test_one_that_tells_nothing_late_or_nonsense_harms_no_other_and_is_in_the_log_once() -> None:
    asked = gathering(
        good=FakeLink(b"good 1\n"),
        none=FakeLink(b""),
        foreign=FakeLink(Unimplemented("Gather")),
        late=FakeLink(LinkError("Gather: DEADLINE_EXCEEDED")),
        garbage=FakeLink(b"\x00\xff"),
    )
    with capture_logs() as logs:
        for _ in range(3):
            (families,) = await asked.gather()
            assert [(family.name, family.samples[0].labels) for family in families] == [("good", {"plugin_id": "good"})]
    assert sorted(log["plugin"] for log in logs) == ["garbage", "late"]


async def test_who_asks_meanwhile_is_given_the_same() -> None:
    link = FakeLink(b"good 1\n")
    link.go_on.clear()
    asked = gathering(good=link)
    first, second = asyncio.create_task(asked.gather()), asyncio.create_task(asked.gather())
    while not link.asked:
        await asyncio.sleep(0)
    first.cancel()
    link.go_on.set()
    assert len(await second) == 1
    assert link.asked == 1
    await asked.close()
