from mattermost_plugin.testing import BlockingPlugin


def test_the_page_is_there(blocking_plugin: BlockingPlugin) -> None:
    assert "<h1>" in blocking_plugin.get("/").text


def test_all_hear_what_one_says(blocking_plugin: BlockingPlugin) -> None:
    with blocking_plugin.websocket("/chat") as ada, blocking_plugin.websocket("/chat") as ben:
        ben.send("I am here.")
        assert (ada.receive(), ben.receive()) == ("I am here.", "I am here.")
        ada.send("Hello, Ben!")
        assert ben.receive() == "Hello, Ben!"
