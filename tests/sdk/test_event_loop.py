"""Which event loop a plugin's process runs on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from mattermost_plugin import event_loop


async def module_of_the_loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_uvloop_is_taken_where_it_is_installed() -> None:
    pytest.importorskip("uvloop")
    assert event_loop.run(module_of_the_loop()).startswith("uvloop")


def test_asyncios_own_is_taken_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert event_loop.run(module_of_the_loop()).startswith("asyncio")
