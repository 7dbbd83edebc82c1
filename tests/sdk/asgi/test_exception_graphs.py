"""What an application raises may come from anything: chains, groups, circles, long ones. Its exchange ends once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, NoReturn

import pytest
from asgiref.wsgi import WsgiToAsgi
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Close, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset, caused_by_disconnect
from mattermost_plugin.types import ASGIApp, Receive, Scope, Send
from support.exchanges import FakeExchange, get, serve

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

DEPTH = 10_000

Raise = Callable[[], Awaitable[None]]


# What applications do


async def raise_member_of_group() -> None:
    """As a task group's one exception is raised again, alone, by Starlette's BaseHTTPMiddleware."""
    try:
        raise ExceptionGroup("group", [RuntimeError("inner")])
    except ExceptionGroup as group:
        raise group.exceptions[0]  # noqa: B904  # the group becomes its context: a circle


async def raise_circle_of_causes() -> None:
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


async def raise_itself_as_context() -> None:
    error = RuntimeError("own context")
    error.__context__ = error
    raise error


async def raise_long_chain() -> None:
    error = RuntimeError("the first")
    for number in range(DEPTH):
        follower = RuntimeError(str(number))
        follower.__context__, error = error, follower
    raise error


async def raise_deep_group() -> None:
    error: Exception = RuntimeError("the inner one")
    for _ in range(DEPTH):
        error = ExceptionGroup("group", [error])
    raise error


async def raise_wide_group_of_circles() -> None:
    members = [RuntimeError(str(number)) for number in range(100)]
    group = ExceptionGroup("group", members)
    for member in members:
        member.__context__ = group
    raise group


async def raise_cancelled() -> None:
    """What it waited for was cancelled by somebody."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def raise_generator_exit() -> None:
    raise GeneratorExit


async def raise_bare_base_exception() -> None:
    raise BaseException("bare")


async def raise_group_of_base_exceptions() -> None:
    raise BaseExceptionGroup("group", [SystemExit(1), GeneratorExit()])


async def exit_process() -> None:
    raise SystemExit(3)


async def interrupt() -> None:
    raise KeyboardInterrupt


WAYS: list[Raise] = [
    raise_cancelled,
    raise_generator_exit,
    raise_bare_base_exception,
    raise_group_of_base_exceptions,
    exit_process,
    interrupt,
    raise_member_of_group,
    raise_circle_of_causes,
    raise_itself_as_context,
    raise_long_chain,
    raise_deep_group,
    raise_wide_group_of_circles,
]


@pytest.fixture(autouse=True)
def _short_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand traces would be a log of megabytes, and it is not the log that is tried here."""
    monkeypatch.setattr(logging.Formatter, "formatException", lambda self, info: repr(info[0]))


def failing_after(sent: int, fail: Raise) -> ASGIApp:
    """An application that raises once it has sent so many of its three events."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        events = [
            {"type": "http.response.start", "status": 200, "headers": []},
            {"type": "http.response.body", "body": b"part", "more_body": True},
            {"type": "http.response.body", "body": b"", "more_body": False},
        ]
        for event in events[:sent]:
            await send(event)
        await fail()

    return app


@pytest.mark.parametrize("fail", WAYS, ids=lambda it: it.__name__)
@pytest.mark.parametrize("sent", range(4))
async def test_a_response_ends_once_at_whatever_moment_the_application_raises(
    sent: int, fail: Raise, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await get(failing_after(sent, fail))
    if sent == 0:
        assert isinstance(exchange.sent[0], Response)
        assert (exchange.sent[0].status, exchange.ended) == (500, True)
    elif sent == 3:
        assert (exchange.ended, exchange.resets) == (True, [])
    else:
        assert (exchange.ended, [reset.code for reset in exchange.resets]) == (False, [ResetCode.INTERNAL])
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("fail", WAYS, ids=lambda it: it.__name__)
@pytest.mark.parametrize("accepted", [False, True])
async def test_a_websocket_ends_once_at_whatever_moment_the_application_raises(
    accepted: bool, fail: Raise, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if accepted:
            await send({"type": "websocket.accept"})
        await fail()

    exchange = await serve(app, Request("GET", b"/ws", websocket=True))
    assert exchange.closed == Close(1011) if accepted else exchange.status == 500
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_the_disconnect_of_another_exchange_is_a_failure_of_this_one(caplog: pytest.LogCaptureFixture) -> None:
    """A chat that sends to a member who has left: whoever asked for it is still there and gets an answer."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ExchangeReset(ResetCode.CANCELLED, "somebody else went away")

    exchange = await get(app)
    assert isinstance(exchange.sent[0], Response)
    assert exchange.sent[0].status == 500
    assert "ExchangeReset" in caplog.text


async def test_a_handler_that_raises_behind_starlettes_middleware_gives_500(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: StarletteRequest) -> NoReturn:
        raise RuntimeError("an ordinary error")

    async def pass_on(request: StarletteRequest, call_next: RequestResponseEndpoint) -> StarletteResponse:
        return await call_next(request)

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
    exchange = await get(Starlette(routes=[Route("/", handler)], middleware=middleware))
    assert (exchange.status, exchange.ended) == (500, True)
    assert "RuntimeError" in caplog.text


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """An ordinary WSGI application, which fails."""
    try:
        raise ExceptionGroup("group", [RuntimeError("inner")])
    except ExceptionGroup as group:
        raise group.exceptions[0]  # noqa: B904  # the group becomes its context: a circle


async def test_a_wsgi_application_that_raises_gives_500(caplog: pytest.LogCaptureFixture) -> None:
    exchange = await get(WsgiToAsgi(wsgi))  # type: ignore[no-untyped-call]  # asgiref's constructor
    assert (exchange.status, exchange.ended) == (500, True)
    assert "RuntimeError" in caplog.text


def test_a_coroutine_that_is_closed_from_outside_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """As after the end of an event loop, when nothing is left to answer with."""

    class Never:
        def __await__(self) -> Generator[None, None, None]:
            yield

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Never()

    exchange = FakeExchange(Request("GET", b"/"))
    serving = ASGIAdapter(app).serve(exchange)
    serving.send(None)
    serving.close()
    assert (exchange.sent, caplog.records) == ([], [])


# Any graph


@st.composite
def graphs(draw: st.DrawFn) -> BaseException:
    """A few exceptions whose members, causes and contexts are any of them."""
    errors: list[BaseException] = []
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["error", "reset", "group"] if errors else ["error", "reset"]))
        if kind == "group":
            members = draw(st.lists(st.sampled_from(errors), min_size=1, max_size=3))
            errors.append(BaseExceptionGroup(str(number), members))
        else:
            errors.append(RuntimeError(str(number)) if kind == "error" else ExchangeReset(ResetCode.CANCELLED))
    origins = st.none() | st.sampled_from(errors)
    for error in errors:
        error.__cause__, error.__context__ = draw(origins), draw(origins)
    return errors[-1]


def origins(error: BaseException) -> tuple[BaseException, ...]:
    if isinstance(error, ExchangeReset):
        return ()
    if isinstance(error, BaseExceptionGroup):
        return tuple(error.exceptions)
    origin = error.__cause__ or error.__context__
    return () if origin is None else (origin,)


def paths(error: BaseException, way: tuple[BaseException, ...] = ()) -> Iterator[BaseException | None]:
    """Where each way back from an exception ends: at a first origin, or (None) at one that it has passed."""
    if error in way:
        yield None
    elif not (before := origins(error)):
        yield error
    else:
        for origin in before:
            yield from paths(origin, (*way, error))


@given(graphs())
def test_only_what_goes_back_to_disconnects_alone_is_one(error: BaseException) -> None:
    expected = all(isinstance(end, ExchangeReset) for end in paths(error))
    assert caused_by_disconnect(error) is expected


@given(error=graphs(), sent=st.integers(0, 2))
async def test_any_exception_ends_an_exchange(error: BaseException, sent: int) -> None:
    async def fail() -> None:
        raise error

    exchange = await get(failing_after(sent, fail))
    assert exchange.ended if sent == 0 else [reset.code for reset in exchange.resets] == [ResetCode.INTERNAL]
