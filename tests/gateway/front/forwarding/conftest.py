"""HTTP through the front, over either transport, on real sockets."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from support.front_apps import Play
from support.fronts import front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it


@pytest.fixture(params=["direct", "tunnel", "servehttp"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Puts an application behind the front, once for each way through it."""
    direct = request.param == "direct"
    return partial(front, folder=tmp_path, transport="tunnel" if direct else request.param, direct=direct)


@pytest.fixture(params=["direct", "tunnel"])
def play_tunnel(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """`play` over the tunnel alone, for what does not depend on the transport."""
    return partial(front, folder=tmp_path, transport="tunnel", direct=request.param == "direct")
