"""Events reach those who want them, and never delay whoever publishes."""

from __future__ import annotations

import pytest

from servehttp.workspace.events import Event, Events, Lagging

pytestmark = pytest.mark.anyio


async def test_a_listener_gets_the_events_it_wants_in_order() -> None:
    events = Events(10)
    listener = events.subscribe(lambda event: event.name != "typing")
    for name in ("posted", "typing", "post_edited"):
        events.publish(Event(name))
    assert [(await anext(listener)).name for _ in range(2)] == ["posted", "post_edited"]


async def test_a_listener_that_lags_is_cut_off_after_what_it_has_and_others_are_not() -> None:
    events = Events(1)
    slow, fast = events.subscribe(), events.subscribe()
    events.publish(Event("a"))
    assert (await anext(fast)).name == "a"
    events.publish(Event("b"))
    assert (await anext(fast)).name == "b"
    assert (await anext(slow)).name == "a"
    with pytest.raises(Lagging):
        await anext(slow)


async def test_who_has_unsubscribed_gets_nothing_more() -> None:
    events = Events(1)
    listener = events.subscribe()
    events.unsubscribe(listener)
    events.publish(Event("a"))
    events.publish(Event("b"))
    again = events.subscribe()
    events.publish(Event("c"))
    assert (await anext(again)).name == "c"
    assert listener.waiting == 0
