"""A plugin that listens for gateways: its health for probes, certificates that change, and what it does at its end."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mattermost_plugin import Plugin
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.server import PluginServer
from mattermost_plugin.tls import TLSFiles
from support.certificates import HOST, Certificates, certificates
from support.loops import one_module_loop
from support.patience import PATIENCE

__all__ = ["certificates", "one_module_loop"]

pytestmark = pytest.mark.anyio


async def test_probes_without_a_certificate_are_told_its_health_and_nothing_else(certificates: Certificates) -> None:
    files = certificates.server(client_ca=certificates.ca)
    server = PluginServer(Plugin(), tls=files, health=Handshake("tcp", f"{HOST}:0"))
    await server.start()
    assert server.health is not None
    try:
        async with asyncio.timeout(PATIENCE), grpc.aio.insecure_channel(server.health.address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest()
            watch = health.Watch(request)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            assert (await health.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
            hook: Any = channel.unary_unary("/mattermost.pluginapi.v1.PluginHooks/Implemented")
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await hook(b"")
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
            server.request_stop()
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    finally:
        await server.stop(0)


async def shown_certificate(port: int, ca: str) -> bytes | None:
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection(HOST, port, ssl=context)
    try:
        secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return secured.getpeercert(binary_form=True)
    finally:
        writer.close()


async def test_a_certificate_that_is_replaced_is_shown_and_one_that_is_half_written_is_not(
    tmp_path: Path, certificates: Certificates
) -> None:
    def place(files: TLSFiles) -> None:
        shutil.copy(files.key, tmp_path / "key")
        shutil.copy(files.cert, tmp_path / "cert")

    place(certificates.server())
    server = PluginServer(Plugin(), tls=TLSFiles(str(tmp_path / "cert"), str(tmp_path / "key")))
    port = await server.start()
    try:
        async with asyncio.timeout(PATIENCE):
            first = await shown_certificate(port, certificates.ca)
            (tmp_path / "cert").write_text("half of it")
            assert await shown_certificate(port, certificates.ca) == first
            place(certificates.server())
            assert await shown_certificate(port, certificates.ca) != first
    finally:
        await server.stop(0)
