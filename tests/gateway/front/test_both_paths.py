"""Both paths through the front are one to everybody: client, plugin and access log see the same by either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.exchange import ResetCode
from servehttp.front.endings import NO_PROGRESS
from servehttp.front.headers import BODILESS_STATUSES
from servehttp.request_lines import CLIENT_GONE
from support.both_paths import (
    LIMIT,
    PATH,
    Abort,
    Complete,
    Finish,
    HalfClose,
    Inform,
    Leave,
    Path,
    Piece,
    Play,
    Saw,
    Scene,
    Send,
    Start,
    Step,
    path,
)
from support.client import connect
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

Paths = tuple[Path, Path]

STATUSES = (200, 201, 204, 206, 304, 404, 500, 599, 600, 999)
LENGTH = b"content-length"
BAD_STARTS = (
    Start(101),
    Start(200, ((b"bad name", b"x"),)),
    Start(200, ((b"x-split", b"a\r\nx-injected: 1"),)),
    Start(200, ((LENGTH, b"many"),)),
    Start(200, ((LENGTH, b"1"), (LENGTH, b"2"))),
)


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    if request.param:
        pytest.importorskip("uvloop")
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
async def paths() -> AsyncIterator[Paths]:
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(path(direct=True)),
            await stack.enter_async_context(path(direct=False)),
        )


@pytest.fixture(scope="module")
async def impatient_paths() -> AsyncIterator[Paths]:
    """As `paths`, with time-outs that a test can await."""
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(path(direct=True, timeout=0.1, body_timeout=0.1)),
            await stack.enter_async_context(path(direct=False, timeout=0.1, body_timeout=0.1)),
        )


async def seen_by_both(paths: Paths, play: Play) -> Saw:
    """What everybody sees of a play, by either path."""
    fast, asgi = [await Scene(path, play).run() for path in paths]
    assert fast == asgi, play
    return fast


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, int | None, list[Step]]:
    """A method, a length, and the steps that send a body, or a part of it, none of it too large."""
    method = draw(st.sampled_from(("GET", "HEAD", "POST", "PUT")))
    sizes = draw(st.lists(st.integers(1, LIMIT // 4), max_size=3))
    length = draw(st.sampled_from((None, sum(sizes))))
    steps: list[Step] = [Send(size) for size in sizes]
    if length != 0:
        steps.append(Finish())
        steps = steps[: draw(st.integers(0, len(steps)))]
    return method, length, steps


@st.composite
def responses(draw: st.DrawFn) -> list[Step]:
    """What a plugin answers, whole and valid."""
    sizes = draw(st.lists(st.integers(1, 30), max_size=3))
    headers: list[tuple[bytes, bytes]] = [(b"x-own", b"1")]
    if draw(st.booleans()):
        headers.append((LENGTH, b"%d" % sum(sizes)))
    interim: list[Step] = [Inform(status) for status in draw(st.lists(st.sampled_from((100, 102, 103)), max_size=2))]
    start = Start(draw(st.sampled_from(STATUSES)), tuple(headers))
    return [*interim, start, *[Piece(size) for size in sizes], Complete()]


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """A request and what comes of it: the end of the body may come before the response, or in the midst of it."""
    method, length, sending = draw(requests())
    answer = draw(responses())
    moment = draw(st.integers(0, len(answer) - 1))
    first = draw(st.integers(0, len(sending)))
    if draw(st.booleans()) and (length == 0 or Finish() in sending):
        sending.append(HalfClose())
    steps = [*sending[:first], *answer[:moment], *sending[first:], *answer[moment:]]
    if draw(st.booleans()):
        left = steps[: draw(st.integers(0, len(steps) - 1))]
        steps = draw(early_ends(method, left, chunked=length is None))
    return Play(method, length, tuple(steps), burst=draw(st.booleans()))


def early_ends(method: str, steps: list[Step], *, chunked: bool) -> st.SearchStrategy[list[Step]]:
    """Steps that are played, and then an end before the time."""
    last: list[st.SearchStrategy[Step]] = [st.just(Leave()), st.sampled_from(list(ResetCode)).map(Abort)]
    start = next((step for step in steps if isinstance(step, Start)), None)
    if chunked and Finish() not in steps:
        last.append(st.just(Send(LIMIT + 1)))
    if start is None:
        last.append(st.sampled_from(BAD_STARTS))
    elif method != "HEAD" and start.status not in BODILESS_STATUSES and LENGTH in dict(start.headers):
        last.append(st.sampled_from((Piece(200), Complete())))
    return st.one_of(last).map(lambda step: [*steps, step])


@given(play=plays())
async def test_an_exchange_is_the_same_by_both_paths(paths: Paths, play: Play) -> None:
    await seen_by_both(paths, play)


@pytest.mark.parametrize(
    ("play", "status", "problem"),
    [
        (Play("GET", 0, ()), 504, NO_PROGRESS),
        (Play("POST", None, (Send(3), Finish())), 504, NO_PROGRESS),
        (Play("GET", 0, (Start(200), Piece(2))), 200, NO_PROGRESS),
        (Play("POST", None, (Send(3),)), 408, CLIENT_GONE),
        (Play("POST", 9, (Send(3), Start(200), Piece(2))), 200, CLIENT_GONE),
    ],
    ids=["no answer", "no answer to a body", "no end of the answer", "no end of the body", "neither end"],
)
async def test_who_is_waited_for_in_vain_is_the_same_by_both_paths(
    impatient_paths: Paths, play: Play, status: int, problem: str
) -> None:
    saw = await seen_by_both(impatient_paths, play)
    assert (saw.client.status, saw.log["problem"]) == (status, problem)
    assert (saw.client.end == "broken") == (status == 200)


@pytest.mark.parametrize("length", [None, LIMIT + 1])
async def test_a_body_that_is_too_large_ends_the_connection_by_both_paths(paths: Paths, length: int | None) -> None:
    saw = await seen_by_both(paths, Play("POST", length, () if length else (Send(LIMIT + 1),)))
    assert (saw.client.status, saw.client.end) == (413, "complete, then closed")
    assert len(saw.plugin) == (0 if length else 1)


@pytest.mark.parametrize("status", [600, 999])
async def test_any_status_of_three_digits_is_passed_on_by_both_paths(paths: Paths, status: int) -> None:
    saw = await seen_by_both(paths, Play("GET", 0, (Start(status), Piece(3), Complete())))
    assert (saw.client.status, saw.client.body) == (status, bytes(3))


async def test_a_304_that_declares_a_length_is_complete_by_both_paths(paths: Paths) -> None:
    saw = await seen_by_both(paths, Play("GET", 0, (Start(304, ((LENGTH, b"5"),)), Complete())))
    assert (saw.client.status, saw.client.headers) == (304, [])
    assert saw.client.end.startswith("complete, then HTTP/1.1 404")


async def test_a_client_that_stalls_and_stays_is_hung_up_on_by_both_paths(impatient_paths: Paths) -> None:
    await asyncio.gather(*[stall(path) for path in impatient_paths])


async def stall(path: Path) -> None:
    """Send a part of a body, take the answer, and stay until the connection is gone."""
    async with connect(path.port) as client:
        await client.start("POST", PATH, [("Content-Length", "9")])
        _, over = await path.exchanges.get()
        assert (await client.answer()).status == 408
        over.set()
        assert await client.reader.read() == b""
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while True:  # only what is written tells that nobody is there any more
                    await client.write(b"x")
                    await asyncio.sleep(0.05)
