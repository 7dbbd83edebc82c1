"""A child process, and that its end is told."""

from __future__ import annotations

import asyncio
import sys

import pytest

from servehttp.plugins.child import Child
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


async def test_its_end_is_told_though_what_it_left_cannot_be_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    def sweep() -> None:
        raise ValueError("what /proc says is odd")

    child = Child([sys.executable, "-S", "-c", "pass"], sweep=sweep)
    try:
        async with asyncio.timeout(PATIENCE):
            await child.exited.wait()
    finally:
        child.close()
    assert child.ended_well
    assert "what /proc says is odd" in capsys.readouterr().out
