"""One event loop for all async tests of a folder, or of a module.

gRPC finishes abandoned calls late, in a thread, and tells the loop that made them. Were that closed by then, the error
would strike whichever test runs next. A folder takes part by importing `one_loop` in its conftest, a module by
importing `one_module_loop`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest


async def run_callbacks() -> None:
    """Make a call of our own: once it has failed, gRPC has told the loop of what ended before."""
    async with grpc.aio.insecure_channel("unix:/nowhere") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/nothing/Nothing")
        with pytest.raises(grpc.aio.AioRpcError):
            await call(b"")


@pytest.fixture(scope="package", autouse=True)
async def one_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keeps the loop open until the folder's last test has ended."""
    yield
    await run_callbacks()


@pytest.fixture(scope="module", autouse=True)
async def one_module_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keeps the loop open until the module's last test has ended."""
    yield
    await run_callbacks()
