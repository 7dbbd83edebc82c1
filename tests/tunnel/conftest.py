"""A test that asks for `connect` runs over a stream in memory, and over gRPC's call in each way of either end."""

from __future__ import annotations

import pytest

from support.tunnels import (
    Connect,
    direct_gateway,
    direct_plugin,
    grpc_gateway,
    grpc_plugin,
    memory_tunnel,
    socket_tunnel,
)

WAYS: dict[str, Connect] = {
    "memory": memory_tunnel,
    "grpc": socket_tunnel(grpc_gateway, grpc_plugin),
    "direct": socket_tunnel(direct_gateway, direct_plugin),
    "grpc-direct": socket_tunnel(grpc_gateway, direct_plugin),
    "direct-grpc": socket_tunnel(direct_gateway, grpc_plugin),
}


@pytest.fixture(params=list(WAYS))
def connect(request: pytest.FixtureRequest) -> Connect:
    return WAYS[request.param]
