from mattermost_plugin.testing import BlockingPlugin


def test_the_page_is_there(blocking_plugin: BlockingPlugin) -> None:
    answer = blocking_plugin.get("/")
    assert answer.status == 200
    assert "<h1>" in answer.text


def test_it_greets_by_name(blocking_plugin: BlockingPlugin) -> None:
    assert blocking_plugin.get("/greeting?name=Ada").json() == {"greeting": "Hello, Ada!"}
    assert blocking_plugin.get("/greeting").json() == {"greeting": "Hello, world!"}
