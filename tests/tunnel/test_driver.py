"""Whole tunnels, each test over every way that the conftest names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
    End,
    Exchange,
    Informational,
    Message,
    PluginExchange,
    Request,
    ResetCode,
    Response,
)
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.connection import MESSAGE_SIZE
from mattermost_plugin.tunnel.errors import LocalProtocolError, TunnelClosed
from mattermost_plugin.tunnel.windows import FIRST_WINDOW
from mattermost_plugin.types import Receive, Scope, Send
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.tunnels import GET, IMPATIENT, POST, WEBSOCKET, Connect, body_of, collect, read_body

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(15)]

MIB = 1024 * 1024
PIECE = 16 * 1024


async def echo(exchange: Exchange) -> None:
    """Sends back what it receives, while it receives it."""
    if exchange.request.websocket:
        await echo_messages(exchange)
        return
    await exchange.send(Response(200))
    while not isinstance(part := await exchange.receive(), End):
        await exchange.send(part)
    await exchange.send(End())


async def echo_messages(exchange: Exchange) -> None:
    await exchange.send(Accept())
    while not isinstance(part := await exchange.receive(), Close):
        await exchange.send(part)
    await exchange.send(part)


async def send_request(exchange: Exchange, body: bytes) -> None:
    for start in range(0, len(body), PIECE):
        await exchange.send(Body(body[start : start + PIECE]))
    await exchange.send(End())


class Held:
    """Serves exchanges by doing nothing until the test lets go, and shows them to it."""

    def __init__(self, then: Callable[[Exchange], Awaitable[None]] = echo) -> None:
        self.began: asyncio.Queue[PluginExchange] = asyncio.Queue()
        self.go = asyncio.Event()
        self._then = then

    async def __call__(self, exchange: PluginExchange) -> None:
        await self.began.put(exchange)
        await self.go.wait()
        await self._then(exchange)


async def wait_idle(ends_in_flight: Callable[[], int]) -> None:
    while ends_in_flight():
        await asyncio.sleep(0.001)


# Traffic


async def test_a_request_and_its_response_are_whole_at_the_other_side(connect: Connect) -> None:
    seen: list[object] = []

    async def serve(exchange: Exchange) -> None:
        seen.append(exchange.request)
        seen.append(await read_body(exchange))
        await exchange.send(Informational(103, [(b"link", b"</a>")]))
        await exchange.send(Response(201, [(b"a", b"1"), (b"a", b"2")], trailers=True))
        await exchange.send(Body(b"answer"))
        await exchange.send(End([(b"checksum", b"3")]))

    request = Request(
        "PUT",
        b"/root/a%20b?c=d",
        root_length=5,
        headers=[(b"x", b"\xff"), (b"x", b"")],
        scheme="https",
        http_version="2",
        client=("192.0.2.1", 1234),
        server=("/run/gateway.sock", 0),
        trailers=True,
        early_hints=True,
    )
    async with connect(serve) as ends:
        exchange = ends.gateway.open(request)
        await send_request(exchange, b"question")
        assert await collect(exchange) == [
            Informational(103, [(b"link", b"</a>")]),
            Response(201, [(b"a", b"1"), (b"a", b"2")], trailers=True),
            Body(b"answer"),
            End([(b"checksum", b"3")]),
        ]
        assert seen == [request, b"question"]
        await wait_idle(lambda: ends.gateway.in_flight + ends.plugin.in_flight)


@pytest.mark.parametrize("size", [1, FIRST_WINDOW - 64, FIRST_WINDOW, 3 * MIB + 1])
async def test_a_body_of_any_size_comes_back_as_it_was(connect: Connect, size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        async with asyncio.TaskGroup() as group:
            group.create_task(send_request(exchange, body[:size]))
            answer = group.create_task(read_body(exchange))
        assert answer.result() == body[:size]


async def test_a_body_sent_as_one_part_is_cut_up(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(exchange.send(Body(bytes(5 * MIB))))
            sending.add_done_callback(lambda _: group.create_task(exchange.send(End())))
            answer = group.create_task(collect(exchange))
        parts = answer.result()
        assert len(body_of(parts)) == 5 * MIB
        assert max(len(part.data) for part in parts if isinstance(part, Body)) <= MESSAGE_SIZE


async def test_chunk_k_of_an_echo_arrives_before_chunk_k_plus_1_is_sent(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        assert isinstance(await exchange.receive(), Response)
        for number in range(50):
            await exchange.send(Body(b"%d" % number))
            assert await exchange.receive() == Body(b"%d" % number)
        await exchange.send(End())
        assert await exchange.receive() == End()


async def test_many_exchanges_at_once_do_not_mix(connect: Connect) -> None:
    async def fetch(number: int) -> None:
        exchange = ends.gateway.open(POST)
        async with asyncio.TaskGroup() as group:
            group.create_task(send_request(exchange, bytes([number]) * 30_000))
            answer = group.create_task(read_body(exchange))
        assert answer.result() == bytes([number]) * 30_000

    async with connect(echo) as ends, asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(fetch(number))


# Back-pressure


class Counted:
    """Sends pieces of body for ever, and counts what was taken from it."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, exchange: Exchange, size: int) -> None:
        while self.sent < size:
            await exchange.send(Body(bytes(PIECE)))
            self.sent += PIECE
        await exchange.send(End())

    async def stopped(self) -> int:
        """Waits until nothing more is taken; returns how much was."""
        before = -1
        while before != self.sent:
            before = self.sent
            await asyncio.sleep(0.1)
        return before


async def test_a_sender_stops_when_its_reader_does_and_goes_on_with_it(connect: Connect) -> None:
    held = Held()
    settings = replace(IMPATIENT, first_window=128 * 1024, high_water=32 * 1024)
    async with connect(held, settings) as ends:
        exchange = ends.gateway.open(POST)
        counted = Counted()
        async with asyncio.TaskGroup() as group:
            group.create_task(counted.send(exchange, 8 * MIB))
            taken = await counted.stopped()
            assert 128 * 1024 - PIECE < taken <= 128 * 1024 + 32 * 1024 + PIECE
            held.go.set()
            answer = group.create_task(read_body(exchange))
        assert len(answer.result()) == 8 * MIB


async def test_a_response_that_nobody_reads_stops_its_application(connect: Connect) -> None:
    counted = Counted()

    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await counted.send(exchange, 8 * MIB)

    async with connect(serve) as ends:
        exchange = ends.gateway.open(GET)
        assert await counted.stopped() <= FIRST_WINDOW + ends.gateway.settings.high_water + PIECE
        assert len(await read_body(exchange)) == 8 * MIB


async def test_a_stalled_exchange_costs_its_neighbours_nothing(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        for _ in range(64 if exchange.request.target == b"/stalled" else 4):
            await exchange.send(Body(bytes(PIECE)))
        await exchange.send(End())

    async def fetch() -> int:
        return len(await read_body(ends.gateway.open(GET)))

    async with connect(serve) as ends:
        stalled = ends.gateway.open(Request("GET", b"/stalled"))
        assert isinstance(await stalled.receive(), Response)
        async with asyncio.timeout(5):
            assert await asyncio.gather(*(fetch() for _ in range(50))) == [4 * PIECE] * 50
        assert len(await read_body(stalled)) == 64 * PIECE


async def test_a_second_sender_on_one_websocket_waits_like_the_first(connect: Connect) -> None:
    """Applications send on one WebSocket from several tasks."""

    async def serve(exchange: Exchange) -> None:
        await exchange.send(Accept())
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(exchange.send(Message(bytes([number]) * 200_000)))
        await exchange.send(Close())

    async with connect(serve) as ends:
        exchange = ends.gateway.open(WEBSOCKET)
        parts = await collect(exchange)
        assert [part.data[:1] for part in parts if isinstance(part, Message)] == [b"\0", b"\1", b"\2", b"\3"]


# WebSockets


@pytest.mark.parametrize("text", [True, False])
async def test_a_websocket_echoes_messages_of_any_size_whole(connect: Connect, text: bool) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(WEBSOCKET)
        assert await exchange.receive() == Accept([], "")
        for size in (0, 1, 5 * MIB, 3):
            sending = asyncio.create_task(exchange.send(Message(b"a" * size, text)))
            assert await exchange.receive() == Message(b"a" * size, text)
            await sending
        await exchange.send(Close(1001, "bye"))
        assert await exchange.receive() == Close(1001, "bye")
        await wait_idle(lambda: ends.gateway.in_flight + ends.plugin.in_flight)


async def test_a_message_beyond_the_limit_resets_its_websocket(connect: Connect) -> None:
    async with connect(echo, replace(IMPATIENT, max_websocket_message=100_000)) as ends:
        exchange = ends.gateway.open(WEBSOCKET)
        assert isinstance(await exchange.receive(), Accept)
        await exchange.send(Message(bytes(100_000)))
        assert await exchange.receive() == Message(bytes(100_000))
        with pytest.raises(ExchangeReset, match="more than 100000 bytes") as caught:
            await exchange.send(Message(bytes(100_001)))
            await exchange.receive()
        assert caught.value.code is ResetCode.LIMIT


async def test_a_websocket_that_nobody_reads_holds_one_message_and_a_window(connect: Connect) -> None:
    sent = 0

    async def serve(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(Accept())
        for _ in range(50):
            await exchange.send(Message(bytes(100_000)))
            sent += 1
        await exchange.send(Close())

    async with connect(serve) as ends:
        exchange = ends.gateway.open(WEBSOCKET)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent <= 3
        assert len(body_of(await collect(exchange))) == 50 * 100_000


async def test_small_messages_that_nobody_reads_are_bounded_too(connect: Connect) -> None:
    sent = 0

    async def serve(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(Accept())
        while True:
            await exchange.send(Message(b"x" * 100))
            sent += 1
            await asyncio.sleep(0)

    async with connect(serve, replace(IMPATIENT, high_water=8192)) as ends:
        ends.gateway.open(WEBSOCKET)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent <= FIRST_WINDOW // 164 + 8192 // 100 + 2


# Ends before their time


@pytest.mark.parametrize("code", [ResetCode.CANCELLED, ResetCode.TIMEOUT])
async def test_the_application_learns_that_the_client_has_gone(connect: Connect, code: ResetCode) -> None:
    learned: asyncio.Future[ExchangeReset] = asyncio.get_running_loop().create_future()
    began = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        began.set()
        try:
            await collect(exchange)
        except ExchangeReset as reset:
            learned.set_result(reset)
            raise

    async with connect(serve) as ends:
        exchange = ends.gateway.open(POST)
        await exchange.send(Body(b"x"))
        await began.wait()
        exchange.reset(code, "gone")
        reset = await learned
        assert (reset.code, reset.reason) == (code, "gone")
        with pytest.raises(ExchangeReset):
            await exchange.receive()
        with pytest.raises(ExchangeReset):
            await exchange.send(Body(b"x"))
        assert ends.gateway.in_flight == 0


async def test_a_send_that_waits_ends_with_the_exchange(connect: Connect) -> None:
    waiting: asyncio.Queue[Exchange] = asyncio.Queue()
    learned: asyncio.Future[ExchangeReset] = asyncio.get_running_loop().create_future()

    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await waiting.put(exchange)
        try:
            await exchange.send(Body(bytes(MIB)))
        except ExchangeReset as reset:
            learned.set_result(reset)
            raise

    async with connect(serve) as ends:
        exchange = ends.gateway.open(GET)
        await waiting.get()
        assert isinstance(await exchange.receive(), Response)
        exchange.reset(ResetCode.CANCELLED)
        assert (await learned).code is ResetCode.CANCELLED


async def test_a_send_that_waits_ends_when_its_own_side_resets(connect: Connect) -> None:
    async with connect(Held()) as ends:
        exchange = ends.gateway.open(POST)
        sending = asyncio.create_task(exchange.send(Body(bytes(MIB))))
        await asyncio.sleep(0)
        exchange.reset(ResetCode.TIMEOUT)
        with pytest.raises(ExchangeReset):
            await sending


async def test_what_came_before_a_reset_is_read_first(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await exchange.send(Body(b"half"))
        assert await exchange.receive() == End()
        exchange.reset(ResetCode.INTERNAL, "it broke")

    async with connect(serve) as ends:
        exchange = ends.gateway.open(GET)
        assert isinstance(await exchange.receive(), Response)
        await exchange.send(End())
        await wait_idle(lambda: ends.gateway.in_flight)
        assert await exchange.receive() == Body(b"half")
        for _ in range(2):
            with pytest.raises(ExchangeReset, match="internal: it broke"):
                await exchange.receive()


async def test_an_answer_before_the_request_ended_stops_the_request(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(413))
        await exchange.send(End())
        exchange.reset(ResetCode.NO_ERROR)

    async with connect(serve) as ends:
        exchange = ends.gateway.open(POST)
        with pytest.raises(ExchangeReset) as caught:
            await send_request(exchange, bytes(8 * MIB))
        assert caught.value.code is ResetCode.NO_ERROR
        assert await collect(exchange) == [Response(413, []), End()]
        await wait_idle(lambda: ends.gateway.in_flight + ends.plugin.in_flight)


async def test_a_request_that_nobody_read_leaves_nothing_behind(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await exchange.send(End())
        exchange.reset(ResetCode.NO_ERROR)

    async with connect(serve) as ends:
        for _ in range(20):
            exchange = ends.gateway.open(POST)
            await send_request(exchange, b"never read")
            assert await collect(exchange) == [Response(200, []), End()]
        await wait_idle(lambda: ends.gateway.in_flight + ends.plugin.in_flight)


async def test_a_reset_right_after_the_opening_harms_nobody(connect: Connect) -> None:
    async with connect(echo) as ends:
        ends.gateway.open(POST).reset(ResetCode.CANCELLED)
        exchange = ends.gateway.open(POST)
        await send_request(exchange, b"x")
        assert await read_body(exchange) == b"x"


async def test_a_failing_server_costs_its_exchange_only(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    async def serve(exchange: Exchange) -> None:
        if exchange.request.target == b"/bad":
            raise RuntimeError("a bug")
        await echo(exchange)

    async with connect(serve) as ends:
        bad, good = ends.gateway.open(Request("GET", b"/bad")), ends.gateway.open(POST)
        with pytest.raises(ExchangeReset) as caught:
            await bad.receive()
        assert caught.value.code is ResetCode.INTERNAL
        assert "a bug" not in caught.value.reason
        await send_request(good, b"fine")
        assert await read_body(good) == b"fine"
    assert "RuntimeError: a bug" in caplog.text


async def test_a_part_that_is_not_allowed_is_the_callers_mistake(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        with pytest.raises(LocalProtocolError, match="Message from the gateway in state body"):
            await exchange.send(Message(b"x"))
        await send_request(exchange, b"still fine")
        assert await read_body(exchange) == b"still fine"


async def test_a_receive_that_was_cancelled_loses_nothing(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        assert isinstance(await exchange.receive(), Response)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await exchange.receive()
        await send_request(exchange, b"later")
        assert await read_body(exchange) == b"later"


async def test_what_was_sent_before_the_task_was_cancelled_arrives(connect: Connect) -> None:
    body = bytes(FIRST_WINDOW + 1000)
    cancelled = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200), Body(body), End())
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        cancelled.set()
        await asyncio.sleep(0)

    async with connect(serve) as ends:
        exchange = ends.gateway.open(POST)
        await cancelled.wait()
        if tasks := ends.plugin.tasks:
            await asyncio.wait(tasks)
        assert await read_body(exchange) == body


async def test_an_application_that_gave_up_its_last_send_leaves_no_exchange(connect: Connect) -> None:
    """The response is complete, though nobody waited for that, and the request is not read."""
    given_up = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await send({"type": "http.response.body", "body": bytes(MIB)})
        given_up.set()

    async with connect(ASGIAdapter(app).serve) as ends:
        exchange = ends.gateway.open(POST)
        sending = asyncio.create_task(exchange.send(Body(bytes(MIB)), End()))
        await given_up.wait()
        assert await read_body(exchange) == bytes(MIB)
        await ends.gateway.wait_idle()
        await asyncio.wait([sending])
        sending.exception()
        await ends.plugin.wait_idle()


# The stream


@pytest.mark.parametrize("how", ["lose", "hang_up"])
async def test_a_lost_stream_ends_every_exchange_once_at_both_ends(connect: Connect, how: str) -> None:
    endings = []

    async def serve(exchange: Exchange) -> None:
        try:
            await exchange.send(Response(200))
            await exchange.send(Body(b"begun"))
            await began.put(None)
            await collect(exchange)
        except ExchangeReset as reset:
            endings.append(reset.code)
            with pytest.raises(ExchangeReset):
                await exchange.send(Body(b"x"))

    began: asyncio.Queue[None] = asyncio.Queue()
    async with connect(serve) as ends:
        exchanges = [ends.gateway.open(POST) for _ in range(10)]
        for _ in exchanges:
            await began.get()
        for exchange in exchanges:
            assert isinstance(await exchange.receive(), Response)
        await (ends.lose() if how == "lose" else ends.hang_up())
        await ends.ended()
        for exchange in exchanges:
            assert await exchange.receive() == Body(b"begun")
            with pytest.raises(ExchangeReset, match="connection to the peer was lost"):
                await exchange.receive()
            with pytest.raises(ExchangeReset):
                await exchange.send(Body(b"x"))
        assert ends.gateway.in_flight == 0
        with pytest.raises(TunnelClosed, match="lost"):
            ends.gateway.open(GET)
        await wait_idle(lambda: ends.plugin.in_flight)
        await asyncio.wait_for(wait_idle(lambda: len(exchanges) - len(endings)), 5)
    assert endings == [ResetCode.CANCELLED] * 10


async def test_senders_and_readers_that_wait_are_woken_by_a_lost_stream(connect: Connect) -> None:
    async with connect(Held()) as ends:
        exchange = ends.gateway.open(POST)
        waiting = [asyncio.create_task(exchange.send(Body(bytes(MIB)))), asyncio.create_task(exchange.receive())]
        await asyncio.sleep(0)
        await ends.lose()
        await ends.ended()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [ExchangeReset, ExchangeReset]


async def test_applications_that_do_not_end_by_themselves_are_cancelled(connect: Connect) -> None:
    cancelled = asyncio.Event()
    began = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with connect(serve) as ends:
        ends.gateway.open(GET)
        await began.wait()
        await ends.lose()
        await cancelled.wait()


async def test_the_end_in_order_is_no_error(connect: Connect) -> None:
    async with connect(echo) as ends:
        await ends.hang_up()
        assert set(await ends.ended()) == {None}


async def test_the_end_in_order_meets_no_write_that_is_under_way(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await exchange.send(Body(bytes(MIB)))

    for _ in range(5):
        async with connect(serve) as ends:
            exchanges = [ends.gateway.open(GET) for _ in range(30)]
            assert isinstance(await exchanges[0].receive(), Response)
            await ends.hang_up()
            assert set(await ends.ended()) == {None}


# Draining


async def test_a_plugin_that_drains_finishes_what_it_has_and_takes_nothing_new(connect: Connect) -> None:
    held = Held()
    async with connect(held) as ends:
        exchange = ends.gateway.open(POST)
        await held.began.get()
        ends.plugin.drain()
        while ends.gateway.accepting:
            await asyncio.sleep(0.001)
        with pytest.raises(TunnelClosed, match="draining"):
            ends.gateway.open(GET)
        idle = asyncio.create_task(ends.plugin.wait_idle())
        held.go.set()
        await send_request(exchange, b"to the end")
        assert not idle.done()
        assert await read_body(exchange) == b"to the end"
        await idle
        await ends.gateway.wait_idle()


async def test_a_request_that_crosses_the_drain_is_refused(connect: Connect) -> None:
    async with connect(echo) as ends:
        ends.plugin.drain()
        exchange = ends.gateway.open(POST)
        with pytest.raises(ExchangeReset) as caught:
            await exchange.receive()
        assert caught.value.code is ResetCode.REFUSED


async def test_a_gateway_that_drains_opens_nothing_and_finishes_the_rest(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        ends.gateway.drain()
        assert not ends.gateway.accepting
        with pytest.raises(TunnelClosed, match="draining"):
            ends.gateway.open(GET)
        await send_request(exchange, b"x")
        assert await read_body(exchange) == b"x"
        await ends.gateway.wait_idle()


async def test_exchanges_beyond_the_plugins_limit_are_not_opened(connect: Connect) -> None:
    async with connect(Held(), plugin_settings=replace(IMPATIENT, max_exchanges=2)) as ends:
        ends.gateway.open(GET)
        ends.gateway.open(GET)
        with pytest.raises(TunnelClosed, match="2 exchanges open"):
            ends.gateway.open(GET)


async def test_work_that_outlasts_its_exchange_counts_against_the_plugins_limit(connect: Connect) -> None:
    held = Held()
    settings = replace(IMPATIENT, max_exchanges=2)
    async with connect(held, plugin_settings=settings) as ends:
        for _ in range(2):
            exchange = ends.gateway.open(GET)
            await held.began.get()
            exchange.reset(ResetCode.CANCELLED)
        await ends.gateway.wait_idle()
        with pytest.raises(ExchangeReset) as refused:
            await ends.gateway.open(GET).receive()
        assert refused.value.code is ResetCode.REFUSED
        assert held.began.empty()
        held.go.set()
        await asyncio.wait(ends.plugin.tasks)
        exchange = ends.gateway.open(POST)
        await send_request(exchange, b"x")
        assert await read_body(exchange) == b"x"


@pytest.mark.parametrize("head", [Response(200), Accept()])
async def test_a_stream_that_waits_without_sending_is_cancelled_once_its_client_has_left(
    connect: Connect, head: Response | Accept
) -> None:
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def wait_for_an_event(exchange: Exchange) -> None:
        await exchange.send(head)
        try:
            await asyncio.Event().wait()
        finally:
            ended.put_nowait("generator")

    async with connect(wait_for_an_event, plugin_settings=replace(IMPATIENT, orphan_timeout=0.01)) as ends:
        for _ in range(20):
            exchange = ends.gateway.open(WEBSOCKET if isinstance(head, Accept) else GET)
            assert isinstance(await exchange.receive(), type(head))
            exchange.reset(ResetCode.CANCELLED, "the client went away")
            await ended.get()
        assert (ends.gateway.in_flight, ends.plugin.in_flight) == (0, 0)
        if tasks := ends.plugin.tasks:
            await asyncio.wait(tasks)
        assert ends.plugin.tasks == []


@pytest.mark.parametrize("parts", [(), (Response(200), End())], ids=["before", "after"])
async def test_work_before_and_after_a_response_goes_on_when_the_client_leaves(
    connect: Connect, parts: tuple[Response | End, ...]
) -> None:
    held, done = asyncio.Event(), asyncio.Event()
    began = asyncio.Event()

    async def work(exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            await exchange.send(Response(200))
            began.set()
            await asyncio.Event().wait()
        await exchange.send(*parts)
        began.set()
        await held.wait()
        done.set()

    async with connect(work, plugin_settings=replace(IMPATIENT, orphan_timeout=0.01)) as ends:
        first = ends.gateway.open(GET)
        await began.wait()
        first.reset(ResetCode.CANCELLED)
        began.clear()
        later = ends.gateway.open(POST)  # is abandoned after the first, and cancelled: so the first's time is over
        await later.receive()
        later.reset(ResetCode.CANCELLED)
        while len(ends.plugin.tasks) > 1:
            await asyncio.wait(ends.plugin.tasks, return_when=asyncio.FIRST_COMPLETED)
        held.set()
        await done.wait()


@pytest.mark.parametrize("drained_first", [True, False])
async def test_a_plugin_that_drains_does_not_wait_for_streams_that_nobody_takes(
    connect: Connect, drained_first: bool
) -> None:
    ended = asyncio.Event()

    async def wait_for_an_event(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        with pytest.raises(ExchangeReset):
            while not isinstance(await exchange.receive(), End):
                pass
            await exchange.receive()
        left.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    left = asyncio.Event()
    async with connect(wait_for_an_event, plugin_settings=replace(IMPATIENT, orphan_timeout=3600)) as ends:
        exchange = ends.gateway.open(GET)
        await exchange.receive()
        if drained_first:
            ends.plugin.drain()
        exchange.reset(ResetCode.CANCELLED)
        await left.wait()
        ends.plugin.drain()
        await ended.wait()


async def test_a_gateway_that_is_about_to_stop_says_so_and_goes_on(connect: Connect) -> None:
    held = Held()
    async with connect(held) as ends:
        first = ends.gateway.open(POST)
        served = await held.began.get()
        assert not served.stopping.is_set()
        ends.gateway.announce_drain()
        await served.stopping.wait()
        held.go.set()
        second = ends.gateway.open(POST)
        for exchange in (first, second):
            await send_request(exchange, b"x")
            assert await read_body(exchange) == b"x"


async def test_what_has_no_end_by_itself_is_told_of_the_stop_and_all_else_is_not(connect: Connect) -> None:
    """One that waits for a disconnect gets it; one that reads its request reads on."""
    waits: list[asyncio.Task[object]] = []

    async def serve(exchange: PluginExchange) -> None:
        await exchange.send(Response(200))
        assert isinstance(await exchange.receive(), End)
        if exchange.request.target == b"/endless":
            exchange.end_receive_at_stop()
        waits.append(asyncio.create_task(exchange.receive()))
        await asyncio.wait(waits[-1:])
        exchange.reset(ResetCode.CANCELLED)

    async with connect(serve) as ends:
        for target in (b"/endless", b"/other"):
            exchange = ends.gateway.open(Request("GET", target))
            await exchange.send(End())
            assert isinstance(await exchange.receive(), Response)
        while len(waits) < 2:
            await asyncio.sleep(0)
        ends.gateway.announce_drain()
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        assert [task.done() for task in waits] == [True, False]
        assert isinstance(waits[0].exception(), ExchangeReset)
        exchange.reset(ResetCode.CANCELLED)
        await asyncio.wait(waits)
        assert isinstance(waits[1].exception(), ExchangeReset)
