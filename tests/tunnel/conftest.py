"""Every test that asks for `connect` runs over a stream in memory and over real gRPC."""

from __future__ import annotations

import pytest

from support.tunnels import Connect, grpc_tunnel, memory_tunnel


@pytest.fixture(params=["memory", "grpc"])
def connect(request: pytest.FixtureRequest) -> Connect:
    return memory_tunnel if request.param == "memory" else grpc_tunnel
