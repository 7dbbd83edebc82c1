"""Each test of the direct call runs on both event loops."""

from __future__ import annotations

import pytest

from support.loops import one_module_loop  # noqa: F401  # pytest uses it


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both event loops: what they do when a socket is full, or closed, is their own."""
    return "asyncio", {"use_uvloop": request.param}
