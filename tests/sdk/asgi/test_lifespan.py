"""The lifespan of an application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette

from mattermost_plugin.asgi import Lifespan, LifespanError
from mattermost_plugin.types import ASGIApp, Event, Receive, Scope, Send

pytestmark = pytest.mark.anyio


def answering(**answers: Event) -> tuple[ASGIApp, list[str]]:
    """An application that gives these answers, and what it was told."""
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            told.append(event["type"])
            answer = answers.get(event["type"].removeprefix("lifespan."))
            if answer is not None:
                await send(answer)

    return app, told


COMPLETE: dict[str, Event] = {
    "startup": {"type": "lifespan.startup.complete"},
    "shutdown": {"type": "lifespan.shutdown.complete"},
}


def other_tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_an_application_is_started_and_shut_down_once() -> None:
    app, told = answering(**COMPLETE)
    lifespan = Lifespan(app)
    await lifespan.startup()
    assert told == ["lifespan.startup"]
    await lifespan.shutdown()
    assert told == ["lifespan.startup", "lifespan.shutdown"]


async def test_startup_returns_what_the_application_left_in_the_state() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        await receive()
        scope["state"]["pool"] = "a pool"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    lifespan = Lifespan(app)
    assert await lifespan.startup() == {"pool": "a pool"}
    await lifespan.shutdown()


async def test_startup_waits_for_the_application() -> None:
    ready = asyncio.Event()

    @contextlib.asynccontextmanager
    async def prepare(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        await ready.wait()
        yield {"prepared": True}

    lifespan = Lifespan(Starlette(lifespan=prepare))
    starting = asyncio.create_task(lifespan.startup())
    await asyncio.sleep(0.01)
    assert not starting.done()
    ready.set()
    assert await starting == {"prepared": True}
    await lifespan.shutdown()


@pytest.mark.parametrize("message", ["no database", ""])
async def test_a_failed_startup_is_an_error_with_the_applications_words(message: str) -> None:
    app, _ = answering(startup={"type": "lifespan.startup.failed", "message": message})
    before = other_tasks()
    with pytest.raises(LifespanError, match=message or "the application's startup failed"):
        await Lifespan(app).startup()
    await asyncio.sleep(0)
    assert other_tasks() - before == set(), "nobody will shut down what did not start"


async def test_a_failed_shutdown_is_an_error_with_the_applications_words() -> None:
    app, _ = answering(
        startup=COMPLETE["startup"], shutdown={"type": "lifespan.shutdown.failed", "message": "not saved"}
    )
    lifespan = Lifespan(app)
    await lifespan.startup()
    with pytest.raises(LifespanError, match="not saved"):
        await lifespan.shutdown()


async def test_starlettes_failing_startup_is_an_error_that_names_the_cause() -> None:
    @contextlib.asynccontextmanager
    async def prepare(app: Starlette) -> AsyncIterator[None]:
        raise ConnectionError("no database")
        yield

    with pytest.raises(LifespanError, match="no database"):
        await Lifespan(Starlette(lifespan=prepare)).startup()


async def asserting(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"


async def returning(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def raising_later(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise RuntimeError("what is a lifespan?")


@pytest.mark.parametrize("app", [asserting, returning, raising_later])
async def test_an_application_without_a_lifespan_starts_and_stops_all_the_same(app: ASGIApp) -> None:
    lifespan = Lifespan(app)
    assert await lifespan.startup() == {}
    await lifespan.shutdown()


async def test_an_application_that_does_not_wait_for_its_shutdown_is_fine() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})

    lifespan = Lifespan(app)
    await lifespan.startup()
    await asyncio.sleep(0)
    await lifespan.shutdown()


async def test_shutting_down_what_never_started_does_nothing() -> None:
    await Lifespan(asserting).shutdown()


async def test_nothing_is_left_running_after_the_shutdown() -> None:
    before = other_tasks()
    app, _ = answering(**COMPLETE)
    lifespan = Lifespan(app)
    await lifespan.startup()
    assert other_tasks() - before
    await lifespan.shutdown()
    await asyncio.sleep(0)
    assert other_tasks() - before == set()


async def test_an_application_that_hangs_in_its_shutdown_can_be_given_up_on() -> None:
    before = other_tasks()
    app, told = answering(startup=COMPLETE["startup"])
    lifespan = Lifespan(app)
    await lifespan.startup()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await lifespan.shutdown()
    assert told[-1] == "lifespan.shutdown"
    await asyncio.sleep(0)
    assert other_tasks() - before == set()


# What it raises


def raising(phase: str, error: BaseException) -> ASGIApp:
    """An application whose lifespan ends by itself: at "startup", while "serving" or at "shutdown"."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if phase != "startup":
            await send({"type": "lifespan.startup.complete"})
        if phase == "shutdown":
            await receive()
        raise error

    return app


ERRORS = [
    RuntimeError("told"),
    BaseExceptionGroup("told", [SystemExit(1)]),
    SystemExit("told"),
    asyncio.CancelledError(),
]


@pytest.mark.parametrize("phase", ["serving", "shutdown"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda it: type(it).__name__)
async def test_a_lifespan_that_dies_is_an_error_with_its_trace(
    error: BaseException, phase: str, caplog: pytest.LogCaptureFixture
) -> None:
    lifespan = Lifespan(raising(phase, error))
    await lifespan.startup()
    await lifespan.shutdown()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "the application's lifespan failed")
    ]
    assert "in app" in caplog.text
    assert type(error).__name__ in caplog.text


async def test_an_application_that_raises_at_once_has_no_lifespan(caplog: pytest.LogCaptureFixture) -> None:
    lifespan = Lifespan(raising("startup", RuntimeError("what is this scope?")))
    assert await lifespan.startup() == {}
    await lifespan.shutdown()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("error", ERRORS[1:], ids=lambda it: type(it).__name__)
async def test_an_application_that_exits_at_its_start_did_not_start(error: BaseException) -> None:
    with pytest.raises(LifespanError, match=type(error).__name__):
        await Lifespan(raising("startup", error)).startup()
