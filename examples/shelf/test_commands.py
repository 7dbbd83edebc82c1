import pytest
from mattermost_plugin.testing import BlockingPlugin


@pytest.mark.usefixtures("fake_api")
def test_the_command_shows_what_lies_there(blocking_plugin: BlockingPlugin) -> None:
    def answer(entered: str) -> str:
        response = blocking_plugin.command(entered)
        assert response is not None
        return response.text

    assert answer("/shelf") == "Nothing lies on the shelf."
    blocking_plugin.post("/files", files={"file": ("Notes.txt", b"Buy oat milk.")})
    assert answer("/shelf note") == "**1 on the shelf**\n- Notes.txt, 13 bytes"
    assert answer("/shelf photo") == "Nothing on the shelf has “photo” in its name."
