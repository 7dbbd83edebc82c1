import pytest
from mattermost_plugin.testing import BlockingPlugin

pytestmark = pytest.mark.usefixtures("fake_api")  # the key-value store, real but empty


def test_a_note_is_kept_until_it_is_removed(blocking_plugin: BlockingPlugin) -> None:
    assert blocking_plugin.put("/notes/milk", json={"text": "Buy oat milk."}).status == 204
    assert blocking_plugin.get("/notes/milk").json() == {"text": "Buy oat milk."}
    assert blocking_plugin.get("/").json() == {"notes": ["milk"]}
    assert blocking_plugin.delete("/notes/milk").status == 204
    assert blocking_plugin.get("/notes/milk").status == 404


@pytest.mark.parametrize("body", [{}, [], {"text": 7}, {"text": "x" * 10_001}])
def test_what_is_no_note_is_refused(blocking_plugin: BlockingPlugin, body: object) -> None:
    answer = blocking_plugin.put("/notes/milk", json=body)
    assert answer.status == 400
    assert "error" in answer.json()
