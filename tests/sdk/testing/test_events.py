"""Server-sent events, as the specification cuts them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mattermost_plugin.testing.events import ServerSentEvent, events_of

pytestmark = pytest.mark.anyio

BODY = ": hello\r\nid: 1\r\ndata: a\r\ndata:b\r\n\r\nevent: x\ndata:  c\n\nevent: none\n\rdata: ü\r\rdata: unfinished"
EVENTS = [ServerSentEvent("a\nb", id="1"), ServerSentEvent(" c", "x", "1"), ServerSentEvent("ü", id="1")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_events_are_the_same_however_the_body_is_cut(size: int) -> None:
    body = BODY.encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    assert [event async for event in events_of(pieces())] == EVENTS
