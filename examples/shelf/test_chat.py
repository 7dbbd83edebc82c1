import json

from mattermost_plugin.testing import BlockingPlugin


def test_all_hear_what_one_says(blocking_plugin: BlockingPlugin) -> None:
    with blocking_plugin.websocket("/chat") as ada, blocking_plugin.websocket("/chat") as ben:
        ada.send("  Where are the notes?  ")
        assert json.loads(ben.receive()) == {"name": "somebody", "text": "Where are the notes?"}
        assert json.loads(ada.receive()) == {"name": "somebody", "text": "Where are the notes?"}
        ben.send("")
        ben.send("On the shelf.")
        assert json.loads(ada.receive())["text"] == "On the shelf."
