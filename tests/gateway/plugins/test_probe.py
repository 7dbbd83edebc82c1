"""Something else where a plugin should be: the error says what."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servehttp.errors import LinkError
from servehttp.plugins.link import Link
from servehttp.plugins.probe import SHOWN, describe
from support.loops import one_module_loop  # noqa: F401  # pytest uses it

pytestmark = pytest.mark.anyio

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(33)


def says(data: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(data)
        await reader.read()

    return serve


FOUND: list[tuple[Serve, str]] = [
    (says_nothing, "it takes connections, and said nothing within 0.3 s"),
    (closes, "it takes connections, and closes them"),
    (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "it speaks HTTP/1.1, and a plugin speaks gRPC; it said 'HTTP/1.1 400"),
    (says(b"\x15\x03\x01\x00\x02\x02\x46"), "it speaks TLS"),
    (says(b"220 mail \x1b[31m\r\n"), r"it does not speak gRPC; it said '220 mail \x1b[31m"),
]


@asynccontextmanager
async def listening(serve: Serve, path: Path) -> AsyncIterator[str]:
    open_: set[asyncio.Task[object]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_.add(task)
        try:
            with contextlib.suppress(OSError, EOFError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_unix_server(handle, path)
    try:
        yield f"unix:{path}"
    finally:
        server.close()
        for task in open_:
            task.cancel()
        await asyncio.wait(open_)


async def refusal(target: str) -> str:
    with pytest.raises(LinkError) as refused:
        await Link.connect(target, timeout=0.3)
    return str(refused.value)


@pytest.mark.parametrize(("serve", "found"), FOUND, ids=[found[:30] for _, found in FOUND])
async def test_what_is_there_instead_of_a_plugin_is_told(tmp_path: Path, serve: Serve, found: str) -> None:
    async with listening(serve, tmp_path / "s") as target:
        said = await refusal(target)
    assert said.startswith(f"no plugin answered at {target} within 0.3 s: {found}"), said


async def test_nothing_there_is_told_as_the_system_names_it(tmp_path: Path) -> None:
    assert (await refusal(f"unix:{tmp_path / 's'}")).endswith("it takes no connection (No such file or directory)")
    server = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    server.close()
    await server.wait_closed()
    assert "it takes no connection (" in await refusal(f"{host}:{port}")


async def test_a_server_that_speaks_tls_is_told() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = await asyncio.start_server(says_nothing, "127.0.0.1", 0, ssl=context)
    host, port = server.sockets[0].getsockname()
    said = await refusal(f"{host}:{port}")
    server.close()
    await server.wait_closed()
    assert "it speaks TLS" in said or "closes them" in said or "resets them" in said, said


async def test_a_grpc_server_that_is_no_plugin_is_told(tmp_path: Path) -> None:
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{tmp_path / 's'}")
    await server.start()
    assert await refusal(f"unix:{tmp_path / 's'}") == (
        "what answers is a gRPC server, but no plugin: it has no PluginHooks"
    )
    await server.stop(0)


@given(st.binary(max_size=200))
def test_whatever_it_says_is_told_in_one_short_printable_line(answer: bytes) -> None:
    said = describe(answer)
    assert said.isprintable()
    assert len(said) <= 80 + 4 * SHOWN
