"""What the tests of this folder share: each runs over both ways on which a host calls hooks."""

from __future__ import annotations

import pytest

from support import plugin_host
from support.call_ways import WAYS
from support.loops import one_loop

__all__ = ["one_loop"]


@pytest.fixture(autouse=True, params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the host of a test calls."""
    way: str = request.param
    if way == "direct":
        for module in (plugin_host, request.module):
            if hasattr(module, "serving"):
                monkeypatch.setattr(module, "serving", plugin_host.serving_directly)
    return way
