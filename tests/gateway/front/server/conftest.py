"""The server below ASGI, over real sockets, with both parsers and both event loops, each once."""

from __future__ import annotations

import pytest

from support.certificates import certificates

__all__ = ["certificates"]


@pytest.fixture(params=["httptools-uvloop", "h11-asyncio"])
def combination(request: pytest.FixtureRequest) -> list[str]:
    if "uvloop" in request.param:
        pytest.importorskip("uvloop")
    return str(request.param).split("-")


@pytest.fixture
def parser(combination: list[str]) -> str:
    return combination[0]


@pytest.fixture
def anyio_backend(combination: list[str]) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": combination[1] == "uvloop"}
