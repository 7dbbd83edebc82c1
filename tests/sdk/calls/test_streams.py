"""Calls between a client and a server on a socket: how they end, whoever fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mattermost_plugin.calls.client import CONNECT, CallClient, open_stream
from mattermost_plugin.calls.errors import CallRefused
from mattermost_plugin.calls.limits import MAX_CALLS, MAX_WAITING
from mattermost_plugin.calls.outcomes import CallContext
from mattermost_plugin.calls.server import CallServer
from mattermost_plugin.grpc import calls_pb2 as pb
from mattermost_plugin.origin import Origin, enter, here
from mattermost_plugin.statuses import CallFailed, Status
from mattermost_plugin.tunnel.direct import CallEnded, DirectMessageStream, DirectServer, connect
from mattermost_plugin.tunnel.http2 import Call
from support.direct_calls import Heard, listener, raw

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


class Methods:
    """What the tests call."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.go_on = asyncio.Event()
        self.running = 0
        self.most = 0
        self.left: list[float | None] = []
        self.by_path = {
            "/echo": self.echo,
            "/wait": self.wait,
            "/fail": self.fail,
            "/abort": self.abort,
            "/large": self.large,
            "/origin": self.origin,
        }

    async def echo(self, body: bytes, context: CallContext) -> bytes:
        self.left.append(context.time_remaining())
        return body

    async def wait(self, body: bytes, context: CallContext) -> bytes:
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.set()
        try:
            await self.go_on.wait()
        finally:
            self.running -= 1
            if not self.running:
                self.ended.set()
        return body

    async def origin(self, body: bytes, context: CallContext) -> bytes:
        return here().request_id.encode()

    async def fail(self, body: bytes, context: CallContext) -> bytes:
        raise ValueError("a bug")

    async def abort(self, body: bytes, context: CallContext) -> bytes:
        raise CallFailed(Status.NOT_FOUND, "naïve: 100 %")

    async def large(self, body: bytes, context: CallContext) -> bytes:
        self.running += 1
        return bytes(int(body))


class Served:
    """A server, and clients of it."""

    def __init__(self, path: Path, methods: Methods, server: CallServer) -> None:
        self.path = path
        self.methods = methods
        self.server = server

    @asynccontextmanager
    async def client(self, largest: int = -1) -> AsyncIterator[CallClient]:
        client = CallClient(await open_stream(self.path), largest)
        try:
            yield client
        finally:
            await client.close()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    path, methods = tmp_path / "c", Methods()
    server = CallServer(methods.by_path, 64 * MIB)
    await server.start(listener(path))
    yield Served(path, methods, server)
    await server.close(0)
    assert [task for task in asyncio.all_tasks() if "mattermost_plugin" in repr(task)] == []


async def failed(call: asyncio.Future[bytes]) -> tuple[Status, str]:
    with pytest.raises(CallFailed) as caught:
        await call
    return caught.value.status, caught.value.details


def began(client: CallClient, method: str, body: bytes = b"", timeout: float | None = None) -> asyncio.Task[bytes]:
    assert client.takes(method, body)
    return asyncio.create_task(client.call(method, body, timeout))


async def test_a_call_is_answered(served: Served) -> None:
    async with served.client() as client:
        assert await client.call("/echo", b"body", None) == b"body"
        assert await client.call("/echo", b"", 100) == b""
    unlimited, limited = served.methods.left
    assert unlimited is None
    assert limited is not None
    assert 90 < limited <= 100


async def test_a_call_has_the_id_of_the_request_that_it_is_made_for(served: Served) -> None:
    async with served.client() as client:
        enter(Origin("r-1"))
        assert await client.call("/origin", b"", None) == b"r-1"
        enter(Origin("no id\n"))
        assert await client.call("/origin", b"", None) == b""


async def test_what_is_asked_with_long_ids_keeps_to_a_message(served: Served) -> None:
    async with served.client() as client:
        enter(Origin("r" * 128))
        calls = [began(client, "/echo", b"x") for _ in range(MAX_CALLS)]
        assert await asyncio.gather(*calls) == [b"x"] * MAX_CALLS


async def test_a_thousand_calls_at_once_are_answered_each_with_its_own(served: Served) -> None:
    bodies = [b"%d" % number for number in range(1000)]
    async with served.client() as client:
        answers = await asyncio.gather(*(client.call("/echo", body, 20) for body in bodies))
    assert answers == bodies


async def test_a_thousand_calls_run_at_once(served: Served) -> None:
    async with served.client() as client:
        calls = [began(client, "/wait", b"x") for _ in range(1000)]
        while served.methods.running < 1000:
            await asyncio.sleep(0)
        served.methods.go_on.set()
        assert await asyncio.gather(*calls) == [b"x"] * 1000


async def test_slow_calls_do_not_hold_up_others(served: Served) -> None:
    async with served.client() as client:
        slow = began(client, "/wait", b"slow")
        assert await client.call("/echo", b"fast", None) == b"fast"
        assert not slow.done()
        served.methods.go_on.set()
        assert await slow == b"slow"


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000, 20 * MIB])
async def test_an_answer_may_have_any_size(served: Served, size: int) -> None:
    async with served.client() as client:
        assert await client.call("/large", b"%d" % size, None) == bytes(size)


async def test_a_status_comes_with_its_text(served: Served) -> None:
    async with served.client() as client:
        assert await failed(began(client, "/abort")) == (Status.NOT_FOUND, "naïve: 100 %")


async def test_what_a_handler_raises_is_told_as_grpc_tells_it(served: Served) -> None:
    async with served.client() as client:
        assert await failed(began(client, "/fail")) == (Status.UNKNOWN, "Unexpected <class 'ValueError'>: a bug")
        assert await client.call("/echo", b"x", None) == b"x"


async def test_a_method_that_is_not_there_is_unimplemented(served: Served) -> None:
    async with served.client() as client:
        assert await failed(began(client, "/other")) == (Status.UNIMPLEMENTED, "Method not found!")


async def test_a_call_that_takes_too_long_ends_at_both_ends(served: Served) -> None:
    async with served.client() as client:
        assert await failed(began(client, "/wait", timeout=0.05)) == (Status.DEADLINE_EXCEEDED, "Deadline Exceeded")
        await served.methods.ended.wait()
        assert await client.call("/echo", b"x", None) == b"x"


async def test_a_deadline_is_kept_where_a_frozen_asker_does_not_cancel(served: Served) -> None:
    stream, heard = await open_stream(served.path), Heard()
    running = asyncio.create_task(stream.run(heard))
    stream.send(pb.Asked(requests=[pb.Request(call=1, method="/wait", timeout=50_000)]).SerializeToString())
    (response,) = pb.Answered.FromString(await heard.messages.get()).responses
    assert (response.status, response.text) == (Status.DEADLINE_EXCEEDED, "Deadline Exceeded")
    await stream.close(1)
    await asyncio.gather(running, return_exceptions=True)


async def test_a_call_is_cancelled_with_its_caller(served: Served) -> None:
    async with served.client() as client:
        call = began(client, "/wait")
        await served.methods.begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await served.methods.ended.wait()
        assert await client.call("/echo", b"x", None) == b"x"


async def test_a_call_that_is_cancelled_at_once_is_never_made(served: Served) -> None:
    async with served.client() as client:
        call = began(client, "/wait")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await client.call("/echo", b"x", None) == b"x"
        assert not served.methods.begun.is_set()


async def test_an_answer_that_is_too_large_for_the_asker_ends_its_call_alone(served: Served) -> None:
    async with served.client(largest=100_000) as client:
        code, details = await failed(began(client, "/large", b"5000000"))
        assert code is Status.RESOURCE_EXHAUSTED
        assert "larger than max" in details
        assert await client.call("/large", b"100000", None) == bytes(100_000)


async def test_an_answer_that_is_too_large_to_be_sent_ends_its_call_alone(served: Served) -> None:
    async with served.client() as client:
        code, details = await failed(began(client, "/large", b"%d" % (64 * MIB + 1)))
        assert (code, details) == (Status.RESOURCE_EXHAUSTED, "Sent message larger than max (67108865 vs. 67108864)")
        assert await client.call("/echo", b"x", None) == b"x"


async def test_who_closes_gives_its_callers_up(served: Served) -> None:
    client = CallClient(await open_stream(served.path), -1)
    call = began(client, "/wait")
    await served.methods.begun.wait()
    await client.close()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert client.lost
    await served.methods.ended.wait()


async def test_all_calls_fail_when_the_answerer_dies(served: Served) -> None:
    async with served.client() as client:
        calls = [began(client, "/wait") for _ in range(3)]
        await served.methods.begun.wait()
        await served.server.close(0)
        assert [code for code, _ in [await failed(call) for call in calls]] == [Status.UNAVAILABLE] * 3
        assert client.lost
        assert not client.takes("/echo", b"")


async def test_all_calls_are_cancelled_when_the_asker_dies(served: Served) -> None:
    stream = await open_stream(served.path)
    running = asyncio.create_task(stream.run(Heard()))
    stream.send(pb.Asked(requests=[pb.Request(call=n, method="/wait") for n in range(1, 9)]).SerializeToString())
    await served.methods.begun.wait()
    stream.drop()
    await served.methods.ended.wait()
    with pytest.raises(CallEnded):
        await running


async def test_what_runs_has_the_grace_and_what_is_asked_then_is_refused(served: Served) -> None:
    async with served.client() as client:
        call = began(client, "/wait", b"x")
        await served.methods.begun.wait()
        closing = asyncio.create_task(served.server.close(20))
        await asyncio.sleep(0)
        with pytest.raises(CallRefused):
            await client.call("/echo", b"", None)
        served.methods.go_on.set()
        assert await call == b"x"
        await closing


async def test_a_stream_of_another_method_refuses_every_call(tmp_path: Path) -> None:
    async def never(stream: DirectMessageStream) -> None: ...

    server = DirectServer("/servehttp.calls.v2.Calls/Connect", never)
    await server.start(listener(tmp_path / "c"))
    client = CallClient(await open_stream(tmp_path / "c"), -1)
    with pytest.raises(CallRefused):
        await client.call("/echo", b"", None)
    assert client.lost
    await client.close()
    await server.close()


async def test_an_answerer_that_breaks_the_protocol_fails_every_call(tmp_path: Path) -> None:
    class Stranger:
        def __init__(self, stream: DirectMessageStream) -> None:
            self.stream = stream

        def receive(self, data: bytes, start: int, end: int) -> int:
            self.stream.send(pb.Answered(responses=[pb.Response(call=77)]).SerializeToString())
            return 1

        def resume(self) -> None: ...

    async def strange(stream: DirectMessageStream) -> None:
        with contextlib.suppress(CallEnded):
            await stream.run(Stranger(stream))

    server = DirectServer(CONNECT, strange)
    await server.start(listener(tmp_path / "c"))
    client = CallClient(await open_stream(tmp_path / "c"), -1)
    code, details = await failed(began(client, "/echo"))
    assert code is Status.UNAVAILABLE
    assert "77" in details
    await client.close()
    await server.close()


@pytest.mark.parametrize(
    "message",
    [
        b"\xff",
        pb.Asked(requests=[pb.Request(call=n, method="/wait") for n in range(1, MAX_CALLS + 2)]).SerializeToString(),
    ],
    ids=["garbage", "a flood"],
)
async def test_an_asker_that_breaks_the_protocol_is_hung_up_on(served: Served, message: bytes) -> None:
    stream = await connect(served.path, CONNECT)
    stream.send(message)
    with pytest.raises(CallEnded) as ended:
        await stream.run(Heard())
    assert ended.value.status == Status.INVALID_ARGUMENT
    await stream.close(1)
    assert served.methods.running == 0
    async with served.client() as client:
        assert await client.call("/echo", b"x", None) == b"x"


async def test_who_asks_and_does_not_read_gets_no_more_than_waits_for_it(served: Served) -> None:
    asked = [pb.Request(call=n, method="/large", body=b"%d" % MIB) for n in range(1, MAX_CALLS + 1)]
    first = 2 * MAX_WAITING // MIB
    call = Call(client=True)
    call.start(CONNECT)
    call.send(pb.Asked(requests=asked[:first]).SerializeToString())
    async with raw(served.path, b"".join(call.take_output())) as (_, writer), served.client() as other:
        while served.methods.running < first:
            await asyncio.sleep(0)
        call.send(pb.Asked(requests=asked[first:]).SerializeToString())
        writer.write(b"".join(call.take_output()))
        for _ in range(50):
            assert await other.call("/echo", b"x", None) == b"x"
        assert served.methods.running == first
