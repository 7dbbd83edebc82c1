import pytest
from mattermost_plugin.models import CommandArgs, CommandResponse
from mattermost_plugin.testing import BlockingPlugin

pytestmark = pytest.mark.usefixtures("fake_api")  # the command is registered there


def run(plugin: BlockingPlugin, command: str) -> CommandResponse:
    response = plugin.fire("ExecuteCommand", CommandArgs(command=command)).value
    assert isinstance(response, CommandResponse)
    return response


def test_a_die_is_thrown_for_all_to_see(blocking_plugin: BlockingPlugin) -> None:
    response = run(blocking_plugin, "/roll 6")
    assert response.response_type == "in_channel"
    assert response.text in {f"Rolled {number} of 6." for number in range(1, 7)}


@pytest.mark.parametrize("said", ["/roll", "/roll many", "/roll 1", "/roll 1001", "/roll 99999999"])
def test_only_who_asked_is_told_what_is_wrong(blocking_plugin: BlockingPlugin, said: str) -> None:
    response = run(blocking_plugin, said)
    assert (response.response_type, response.text) == ("ephemeral", "Say how many sides: 2 to 1000.")
