"""Every test that asks for `connect` runs over a stream in memory, over real gRPC, and over a call spoken directly."""

from __future__ import annotations

import pytest

from support.tunnels import Connect, direct_tunnel, grpc_tunnel, memory_tunnel

WAYS: dict[str, Connect] = {"memory": memory_tunnel, "grpc": grpc_tunnel, "direct": direct_tunnel}


@pytest.fixture(params=list(WAYS))
def connect(request: pytest.FixtureRequest) -> Connect:
    return WAYS[request.param]
