"""Both of our roles with gRPC's own library as the peer, over sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from mattermost_plugin.http2.channel import ClientChannel
from mattermost_plugin.http2.connecting import connect
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.statuses import CANCELLED, DEADLINE_EXCEEDED, NOT_FOUND, OK, UNIMPLEMENTED
from support.http2_calls import ECHO, Answer, Served, begin, echo_until_end, serving
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

MIB = 2**20


class Servicer(grpc.GenericRpcHandler):
    """Answers by what is called."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.metadata: dict[str, str] = {}
        self.time_left: float | None = None

    def service(self, details: Any) -> Any:
        if details.method == ECHO:
            return grpc.stream_stream_rpc_method_handler(self.echo)
        if details.method == "/test/Fail":
            return grpc.stream_stream_rpc_method_handler(self.fail)
        if details.method == "/test/Stay":
            return grpc.stream_stream_rpc_method_handler(self.stay)
        return None

    async def echo(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        self.metadata = dict(context.invocation_metadata())
        self.time_left = context.time_remaining()
        await context.send_initial_metadata((("x-begun", "yes"),))
        async for request in requests:
            yield request
        context.set_trailing_metadata((("x-ended", "so"),))

    async def fail(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        yield b"before"
        await context.abort(grpc.StatusCode.NOT_FOUND, "nothing is there: 100 % ✗")

    async def stay(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            yield b"here"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@asynccontextmanager
async def served(path: Path, **options: Any) -> AsyncIterator[tuple[ClientChannel, Servicer]]:
    """A channel of ours to a server of gRPC's library."""
    server = grpc.aio.server(options=list(options.items()))
    servicer = Servicer()
    server.add_generic_rpc_handlers((servicer,))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    channel = await connect(f"unix:{path}", Limits(), timeout=PATIENCE)
    try:
        yield channel, servicer
    finally:
        await channel.close()
        await server.stop(None)


async def test_a_call_of_ours_is_answered_by_grpcs_server(tmp_path: Path) -> None:
    async with served(tmp_path / "s") as (channel, servicer):
        answer = begin(channel, ECHO, [b"one", b"", b"three"], fields=[(b"x-asked", b"this")])
        assert await answer.outcome == OK
        assert answer.messages == [b"one", b"", b"three"]
        assert dict(answer.fields)[b"x-begun"] == b"yes"
        assert dict(answer.trailers)[b"x-ended"] == b"so"
        assert servicer.metadata["x-asked"] == "this"
        assert servicer.time_left is None


async def test_many_calls_of_ours_share_a_connection_to_grpcs_server(tmp_path: Path) -> None:
    async with served(tmp_path / "s", **{"grpc.max_concurrent_streams": 10}) as (channel, _):

        async def ask(number: int) -> None:
            """Ask until it is taken: gRPC counts calls as open for a moment after it has told their end."""
            messages = [b"%d" % number, bytes(number * 1000)]
            answer = begin(channel, ECHO, messages)
            while await answer.outcome != OK:
                assert answer.untouched
                answer = begin(channel, ECHO, messages)
            assert answer.messages == messages

        await asyncio.gather(*[ask(number) for number in range(100)])
        assert channel.open_calls == 0


async def test_large_messages_pass_both_ways(tmp_path: Path) -> None:
    async with served(tmp_path / "s", **{"grpc.max_receive_message_length": -1}) as (channel, _):
        message = bytes(range(256)) * (3 * MIB // 256)
        answer = begin(channel, ECHO, [message, message])
        assert await answer.outcome == OK
        assert answer.messages == [message, message]


async def test_the_status_of_grpcs_server_is_told(tmp_path: Path) -> None:
    async with served(tmp_path / "s") as (channel, _):
        answer = begin(channel, "/test/Fail", [])
        assert await answer.outcome == NOT_FOUND
        assert (answer.messages, answer.text) == ([b"before"], "nothing is there: 100 % ✗")
        answer = begin(channel, "/test/Nothing", [])
        assert await answer.outcome == UNIMPLEMENTED


async def test_grpcs_server_learns_that_a_call_was_given_up(tmp_path: Path) -> None:
    async with served(tmp_path / "s") as (channel, servicer):
        answer = begin(channel, "/test/Stay", [])
        await answer.begun.wait()
        channel.cancel(answer.stream)
        await servicer.cancelled.wait()
        assert not answer.outcome.done()
        assert channel.open_calls == 0


async def test_a_call_ends_at_its_deadline_which_grpcs_server_knows(tmp_path: Path) -> None:
    async with served(tmp_path / "s") as (channel, servicer):
        answer = begin(channel, ECHO, [b"x"], timeout=1000)
        assert await answer.outcome == OK
        assert servicer.time_left is not None
        assert 900 < servicer.time_left <= 1000
        answer = begin(channel, "/test/Stay", [], timeout=0.1)
        assert await answer.outcome == DEADLINE_EXCEEDED
        await servicer.cancelled.wait()


async def test_calls_fail_when_grpcs_server_goes(tmp_path: Path) -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Servicer(),))
    server.add_insecure_port(f"unix:{tmp_path / 's'}")
    await server.start()
    channel = await connect(f"unix:{tmp_path / 's'}", timeout=PATIENCE)
    answer = begin(channel, "/test/Stay", [])
    await answer.begun.wait()
    await server.stop(None)
    assert await answer.outcome != OK
    await channel.draining
    await channel.close()


# Our server


@asynccontextmanager
async def asking(path: Path, handle: Callable[[Answer], object]) -> AsyncIterator[tuple[Any, list[Served]]]:
    """A channel of gRPC's library to a server of ours, and the connections of that."""
    async with serving(path, handle) as connections, grpc.aio.insecure_channel(f"unix:{path}") as channel:
        yield channel, connections


async def test_a_call_of_grpcs_client_is_answered_by_ours(tmp_path: Path) -> None:
    async with echoing(tmp_path / "s") as channel:
        call = channel.stream_stream(ECHO)(iter([b"one", b"", bytes(100_000)]), metadata=[("x-asked", "this")])
        assert [message async for message in call] == [b"one", b"", bytes(100_000)]
        assert await call.code() is grpc.StatusCode.OK
        assert ("x-asked", "this") in tuple(await call.initial_metadata())


async def test_many_calls_of_grpcs_client_share_a_connection_to_ours(tmp_path: Path) -> None:
    async with echoing(tmp_path / "s") as channel:

        async def ask(number: int) -> None:
            call = channel.stream_stream(ECHO)(iter([b"%d" % number, bytes(number * 1000)]))
            assert [message async for message in call] == [b"%d" % number, bytes(number * 1000)]

        await asyncio.gather(*[ask(number) for number in range(100)])


async def test_a_status_of_ours_reaches_grpcs_client(tmp_path: Path) -> None:
    text = " nothing is there: 100 % ✗ "
    async with asking(tmp_path / "s", lambda answer: answer.finish(NOT_FOUND, text)) as (channel, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(ECHO)(b"")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert caught.value.details() == text


async def test_ours_learns_that_grpcs_client_gave_a_call_up_and_how_long_it_would_have_waited(tmp_path: Path) -> None:
    begun: asyncio.Queue[Answer] = asyncio.Queue()
    async with asking(tmp_path / "s", begun.put_nowait) as (channel, _):
        call = channel.stream_stream(ECHO)(timeout=1000)
        await call.write(b"x")
        answer = await begun.get()
        call.cancel()
        assert await answer.outcome == CANCELLED
        assert answer.timeout is not None
        assert 900 < answer.timeout < 1100  # gRPC rounds up


async def test_grpcs_client_is_told_to_go_and_finishes_what_it_has_begun(tmp_path: Path) -> None:
    begun: asyncio.Queue[Answer] = asyncio.Queue()
    async with asking(tmp_path / "s", begun.put_nowait) as (channel, connections):
        call = channel.stream_stream(ECHO)()
        await call.write(b"first")
        first = await begun.get()
        connections[0].core.drain()
        connections[0].write()
        other = asyncio.ensure_future(channel.unary_unary(ECHO)(b"second"))
        second = await begun.get()
        for answer in (first, second):
            answer.send(b"an answer")
            answer.finish(OK)
        assert await call.read() == b"an answer"
        assert await call.code() is grpc.StatusCode.OK
        assert await other == b"an answer"


@asynccontextmanager
async def echoing(path: Path) -> AsyncIterator[Any]:
    tasks: set[asyncio.Task[None]] = set()
    async with asking(path, lambda answer: tasks.add(asyncio.create_task(echo_until_end(answer)))) as (channel, _):
        yield channel
        await asyncio.gather(*tasks)
