import pytest
from mattermost_plugin.testing import BlockingPlugin


def test_a_die_is_thrown_for_all_to_see(blocking_plugin: BlockingPlugin) -> None:
    response = blocking_plugin.command("/roll 4")
    assert response is not None
    assert response.response_type == "in_channel"
    assert response.text in {f"Rolled {number} of 4." for number in range(1, 5)}


@pytest.mark.parametrize("said", ["/roll many", "/roll 1", "/roll 1001", "/roll 6 7"])
def test_only_who_asked_is_told_what_is_wrong(blocking_plugin: BlockingPlugin, said: str) -> None:
    response = blocking_plugin.command(said)
    assert response is not None
    assert response.response_type == "ephemeral"
    assert "Usage: `/roll [sides=6]`" in response.text
