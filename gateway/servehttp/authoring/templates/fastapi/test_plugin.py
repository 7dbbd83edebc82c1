from mattermost_plugin.testing import BlockingPlugin


def test_an_item_is_read_as_it_was_written(blocking_plugin: BlockingPlugin) -> None:
    item = {"price": 1.5, "tags": ["food"]}
    assert blocking_plugin.put("/items/milk", json=item).json() == item
    assert blocking_plugin.get("/items/milk").json() == item
    assert blocking_plugin.get("/items/bread").status == 404


def test_what_is_no_item_is_refused(blocking_plugin: BlockingPlugin) -> None:
    assert blocking_plugin.put("/items/milk", json={"price": -1}).status == 422


def test_the_documentation_is_there(blocking_plugin: BlockingPlugin) -> None:
    assert blocking_plugin.get("/").headers["location"] == "docs"
    assert "openapi.json" in blocking_plugin.get("/docs").text
    assert "/items/{name}" in blocking_plugin.get("/openapi.json").json()["paths"]
