"""A WebSocket is one to everybody by both paths through the front: client, plugin and access log see the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.exchange import Close, Message, ResetCode
from servehttp.front.endings import NO_PROGRESS
from servehttp.front.websocket_endings import NO_ANSWER
from support.both_paths import Path, path
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.websocket_paths import (
    Abort,
    Break,
    Bye,
    Complete,
    Goodbye,
    Inform,
    Leave,
    Open,
    Piece,
    Ping,
    Play,
    Refuse,
    Saw,
    Say,
    Scene,
    Step,
    Tell,
    frame,
)

pytestmark = pytest.mark.anyio

Paths = tuple[Path, Path]

TEXT, BINARY, CONTINUATION, CLOSE, PING = 1, 2, 0, 8, 9
BAD_TEXT = b"\xc3\x28"
LARGEST = 200_000
"""Bytes of a message, beyond which clients are closed."""
VIOLATIONS = (
    frame(TEXT, b"x", first=0x20),
    frame(TEXT, b"\xff\xff\xff", first=0x40),
    frame(3, b"x"),
    frame(CONTINUATION, b"x"),
    frame(PING, b"x" * 126),
    frame(PING, b"x", final=False),
    frame(CLOSE, b"x"),
    frame(CLOSE, (1005).to_bytes(2, "big")),
    frame(CLOSE, (1000).to_bytes(2, "big") + BAD_TEXT),
    frame(TEXT, BAD_TEXT),
    frame(TEXT, BAD_TEXT[:1], final=False) + frame(CONTINUATION, BAD_TEXT[1:]),
    frame(TEXT, b"x", final=False) + frame(TEXT, b"y"),
    frame(BINARY, bytes(LARGEST + 1)),
    frame(BINARY, bytes(LARGEST), final=False) + frame(CONTINUATION, b"x"),
    b"\x81\x01x",
)
CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4999)
BAD_CODES = (1, 999, 1004, 1015, 2999, 5000, 65536)
BAD_HEADERS = (((b"bad name", b"x"),), ((b"x-split", b"a\r\nx-injected: 1"),))
LENGTH = b"content-length"


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    if request.param:
        pytest.importorskip("uvloop")
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
async def paths() -> AsyncIterator[Paths]:
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(path(direct=True, websocket_max_message=LARGEST)),
            await stack.enter_async_context(path(direct=False, websocket_max_message=LARGEST)),
        )


@pytest.fixture(scope="module")
async def impatient_paths() -> AsyncIterator[Paths]:
    """As `paths`, with time-outs that a test can await."""
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(path(direct=True, timeout=0.1)),
            await stack.enter_async_context(path(direct=False, timeout=0.1)),
        )


async def seen_by_both(paths: Paths, play: Play) -> Saw:
    """What everybody sees of a play, by either path."""
    fast, asgi = [await Scene(path, play).run() for path in paths]
    assert fast == asgi, play
    return fast


sizes = st.one_of(
    st.integers(0, 200), st.sampled_from((125, 126, 127, 65_471, 65_472, 65_535, 65_536, 65_537, LARGEST))
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50).map(str.encode)


@st.composite
def contents(draw: st.DrawFn) -> tuple[bytes, bool]:
    """What a message may be, and whether it is text."""
    if draw(st.booleans()):
        return draw(texts), True
    return draw(st.binary(min_size=1, max_size=4)) * (draw(sizes) // 4), False


says = st.builds(lambda content, frames: Say(content[0], content[1], frames), contents(), st.integers(1, 3))
tells = contents().map(lambda content: Tell(content[0], content[1]))
bad_tells = st.just(Tell(b"before " + BAD_TEXT + b" behind", True))
pings = st.builds(Ping, st.binary(max_size=125))
reasons = st.text("aé", max_size=20)
openings = st.builds(Open, st.sampled_from(((), ((b"x-own", b"1"), (b"x-own", b"2")))), st.sampled_from(("", "chat")))
aborts = st.sampled_from(list(ResetCode)).map(Abort)
leaves = st.builds(Leave, st.booleans())


@st.composite
def refusals(draw: st.DrawFn) -> list[Step]:
    """A response in the place of an acceptance, or the beginning of one."""
    pieces = draw(st.lists(st.integers(1, 30), max_size=3))
    headers: list[tuple[bytes, bytes]] = [(b"x-own", b"1")]
    if draw(st.booleans()):
        headers.append((LENGTH, b"%d" % sum(pieces)))
    if draw(st.booleans()):
        headers.append((b"content-type", b"text/html"))
    refuse = Refuse(draw(st.sampled_from((200, 204, 304, 400, 401, 403, 500, 599, 600, 999))), tuple(headers))
    steps: list[Step] = [refuse, *[Piece(size) for size in pieces], Complete()]
    if draw(st.booleans()):
        return [*steps[: draw(st.integers(1, len(steps) - 1))], draw(st.one_of(aborts, leaves))]
    return steps


@st.composite
def conversations(draw: st.DrawFn) -> list[Step]:
    """What happens on a WebSocket that is open, and how it ends."""
    steps: list[Step] = draw(st.lists(st.one_of(says, tells, pings, bad_tells), max_size=5))
    ends: st.SearchStrategy[Step] = st.one_of(
        st.builds(Goodbye, st.sampled_from(CODES), reasons),
        st.just(Goodbye()),
        st.builds(Bye, st.sampled_from((0, 1005, 1006, *CODES)), reasons),
        st.builds(Bye, st.sampled_from(BAD_CODES), reasons),
        st.just(Bye(1000, "x" * 124)),
        aborts,
        leaves,
        st.sampled_from(VIOLATIONS).map(Break),
    )
    early: list[Step] = draw(st.lists(says, max_size=2))
    return [*early, draw(openings), *steps, draw(ends)]


@st.composite
def failed_handshakes(draw: st.DrawFn) -> list[Step]:
    """What comes of a handshake that is neither accepted nor refused."""
    bad_opening = st.sampled_from(BAD_HEADERS).map(Open)
    bad_refusal = st.sampled_from((*BAD_HEADERS, ((LENGTH, b"many"),))).map(lambda headers: Refuse(403, headers))
    return [draw(st.one_of(aborts, leaves, bad_opening, bad_refusal, st.just(Inform())))]


@st.composite
def plays(draw: st.DrawFn) -> Play:
    steps = draw(st.one_of(conversations(), conversations(), conversations(), refusals(), failed_handshakes()))
    hurried = isinstance(steps[0], Say)  # what then crosses the plugin's close in a burst is a matter of luck
    return Play(tuple(steps), draw(st.booleans()), draw(st.booleans()), not hurried and draw(st.booleans()))


@given(play=plays())
async def test_a_websocket_is_the_same_by_both_paths(paths: Paths, play: Play) -> None:
    await seen_by_both(paths, play)


@pytest.mark.parametrize(
    ("play", "status", "problem"),
    [
        (Play(()), 504, NO_ANSWER),
        (Play((Say(b"early"),)), 504, NO_ANSWER),
        (Play((Refuse(403), Piece(3))), 403, NO_PROGRESS),
        (Play((Refuse(403, ((LENGTH, b"9"),)), Piece(3))), 403, NO_PROGRESS),
    ],
    ids=["no answer", "no answer to a client in a hurry", "no end of a refusal", "no end of one with a length"],
)
async def test_who_is_waited_for_in_vain_is_the_same_by_both_paths(
    impatient_paths: Paths, play: Play, status: int, problem: str
) -> None:
    saw = await seen_by_both(impatient_paths, play)
    assert (saw.log["status"], saw.log["problem"]) == (status, problem)
    assert saw.client.status == (None if status == 403 else status), "a response that is cut short is no response"


@pytest.mark.parametrize("before", [(), (Refuse(600), Piece(3))], ids=["an answer", "a good one"])
async def test_what_is_refused_before_it_is_answered_is_offered_again_by_both_paths(
    paths: Paths, before: tuple[Step, ...]
) -> None:
    saw = await seen_by_both(paths, Play((*before, Abort(ResetCode.REFUSED)), burst=True))
    assert (saw.client.status, saw.plugin.offers) == (503, 2)


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
async def test_messages_that_fill_every_window_are_the_same_by_both_paths(paths: Paths, compressed: bool) -> None:
    steps: list[Step] = [Open(), *[Say(bytes(LARGEST))] * 5, *[Tell(bytes(LARGEST), True)] * 5, Goodbye(1001)]
    saw = await seen_by_both(paths, Play(tuple(steps), compressed, burst=True))
    assert saw.plugin.parts == [*[Message(bytes(LARGEST))] * 5, Close(1001)]
    assert saw.client.messages == [(True, bytes(LARGEST))] * 5
