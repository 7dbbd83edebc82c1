from itertools import islice

from mattermost_plugin.testing import BlockingPlugin


def test_the_page_is_there(blocking_plugin: BlockingPlugin) -> None:
    assert "<h1>" in blocking_plugin.get("/").text


def test_events_come_one_by_one(blocking_plugin: BlockingPlugin) -> None:
    with blocking_plugin.stream("GET", "/events") as stream:
        events = list(islice(stream.events(), 2))
    assert [(event.event, event.id) for event in events] == [("tick", "1"), ("tick", "2")]
