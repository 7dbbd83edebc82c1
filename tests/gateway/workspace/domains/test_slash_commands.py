"""Running slash commands, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mattermost_plugin.grpc import api_remaining_pb2, common_pb2
from mattermost_plugin.grpc import hooks_command_pb2 as pb
from mattermost_plugin.models import Channel, Command, CommandArgs, CommandResponse, Post, User
from mattermost_plugin.values import to_struct
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import FakePlugin, a_channel, a_user

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.poll"


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def channel(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


@pytest.fixture
def typed(ada: User, channel: Channel) -> Callable[[str], CommandArgs]:
    """What Ada types in her channel."""
    return lambda text: CommandArgs(user_id=ada.id, channel_id=channel.id, team_id=channel.team_id, command=text)


def answering(ws: Workspace, answer: object) -> FakePlugin:
    """A plugin that has the command /poll."""
    plugin = FakePlugin({"ExecuteCommand": answer})
    ws.hooks.register(PLUGIN, plugin)
    ws.commands.register(PLUGIN, Command(trigger="poll", username="Polls"))
    return plugin


def response(**fields: Any) -> pb.ExecuteCommandResponse:
    return pb.ExecuteCommandResponse(response=api_remaining_pb2.CommandResponse(**fields))


async def posts_in(ws: Workspace, channel: Channel) -> list[Post]:
    found = await ws.post_lists.page(channel.id, 0, 20)
    return [found.posts[id] for id in found.order]


async def refusal(ws: Workspace, args: CommandArgs) -> tuple[str, int]:
    with pytest.raises(AppFailure) as refused:
        await ws.slash_commands.execute(args)
    return refused.value.id, refused.value.status


async def test_a_plugin_is_told_who_typed_what_where(ws: Workspace, typed: Callable[[str], CommandArgs]) -> None:
    plugin = answering(ws, response())
    await ws.config.save(b'{"ServiceSettings": {"SiteURL": "https://chat.example"}}')
    assert await ws.slash_commands.execute(typed("/POLL\ntea or coffee?")) == CommandResponse()
    args = plugin.asked[0][1].args
    expected = typed("/POLL\ntea or coffee?")
    assert (args.command, args.user_id, args.channel_id) == (expected.command, expected.user_id, expected.channel_id)
    assert args.site_url == "https://chat.example"
    assert args.trigger_id != ""


async def test_an_answer_for_all_is_posted_in_the_channel_under_the_plugins_name(
    ws: Workspace, channel: Channel, ada: User, typed: Callable[[str], CommandArgs]
) -> None:
    props = to_struct({"attachments": []})
    answering(ws, response(response_type="in_channel", text="tea", props=props, icon_url="https://x/i.png"))
    await ws.slash_commands.execute(typed("/poll"))
    [post] = [post for post in await posts_in(ws, channel) if post.message == "tea"]
    assert post.user_id == ada.id
    assert post.props == {
        "attachments": [],
        "from_webhook": "true",
        "override_username": "Polls",
        "override_icon_url": "https://x/i.png",
    }


@pytest.mark.parametrize("kind", ["", "ephemeral"])
async def test_any_other_answer_is_shown_to_the_user_alone_and_stored_nowhere(
    ws: Workspace, channel: Channel, ada: User, typed: Callable[[str], CommandArgs], kind: str
) -> None:
    answering(ws, response(response_type=kind, text="only you"))
    events = ws.events.subscribe(lambda event: event.name == "ephemeral_message")
    await ws.slash_commands.execute(typed("/poll"))
    event = await anext(events)
    assert (event.data["post"].message, event.broadcast.user_id) == ("only you", ada.id)
    assert "only you" not in [post.message for post in await posts_in(ws, channel)]


async def test_an_answer_that_says_nothing_shows_nothing(ws: Workspace, typed: Callable[[str], CommandArgs]) -> None:
    answering(ws, response(goto_location="https://example.com"))
    events = ws.events.subscribe(lambda event: event.name in ("ephemeral_message", "posted"))
    answer = await ws.slash_commands.execute(typed("/poll"))
    assert (answer.goto_location, events.waiting) == ("https://example.com", 0)


async def test_what_the_plugin_says_went_wrong_is_what_the_caller_is_told(
    ws: Workspace, typed: Callable[[str], CommandArgs]
) -> None:
    error = common_pb2.AppError(id="poll.closed", message="The poll is closed.", status_code=409)
    answering(ws, pb.ExecuteCommandResponse(error=error))
    assert await refusal(ws, typed("/poll")) == ("poll.closed", 409)


async def test_a_plugin_that_does_not_answer_is_a_failure_of_the_command(
    ws: Workspace, typed: Callable[[str], CommandArgs]
) -> None:
    answering(ws, lambda request: 1 / 0)
    assert await refusal(ws, typed("/poll")) == ("model.plugin_command.error.app_error", 500)


async def test_what_is_no_command_or_unknown_is_refused(ws: Workspace, typed: Callable[[str], CommandArgs]) -> None:
    for text in ("", "poll", "/", "/ poll"):
        assert await refusal(ws, typed(text)) == ("api.command.execute_command.start.app_error", 400)
    assert await refusal(ws, typed("/poll")) == ("api.command.execute_command.not_found.app_error", 404)


async def test_the_address_of_a_stored_command_is_not_called(
    ws: Workspace, channel: Channel, typed: Callable[[str], CommandArgs]
) -> None:
    await ws.commands.create(
        Command(trigger="deploy", url="https://ci.example", creator_id="c" * 26, team_id=channel.team_id)
    )
    assert (await refusal(ws, typed("/deploy")))[1] == 501


async def test_the_workspaces_own_commands_post_as_the_user(
    ws: Workspace, channel: Channel, ada: User, typed: Callable[[str], CommandArgs]
) -> None:
    for text in ("/me waves", "/shrug no idea", "/echo hello  there"):
        await ws.slash_commands.execute(typed(text))
    mine = {post.message: post for post in await posts_in(ws, channel) if post.user_id == ada.id}
    assert (mine["*waves*"].type, mine["*waves*"].props) == ("me", {"message": "waves"})
    assert r"no idea ¯\\\_(ツ)\_/¯" in mine
    assert "hello  there" in mine


async def test_the_workspaces_own_commands_set_the_status(
    ws: Workspace, ada: User, typed: Callable[[str], CommandArgs]
) -> None:
    for status in ("away", "dnd", "offline", "online"):
        answer = await ws.slash_commands.execute(typed(f"/{status}"))
        assert answer.response_type == "ephemeral"
        assert (await ws.statuses.get(ada.id)).status == status


async def test_an_answer_for_a_channel_that_the_user_may_not_post_in_is_an_error_for_the_user_alone(
    ws: Workspace, typed: Callable[[str], CommandArgs], ada: User
) -> None:
    elsewhere = await a_channel(ws, await a_user(ws, "bob"), name="elsewhere")
    answering(ws, response(response_type="in_channel", text="Vote!", channel_id=elsewhere.id))
    events = ws.events.subscribe()
    await ws.slash_commands.execute(typed("/poll"))
    assert not any("Vote!" in post.message for post in await posts_in(ws, elsewhere))
    told = await anext(events)
    assert (told.name, told.broadcast.user_id) == ("ephemeral_message", ada.id)
    assert "/poll" in told.data["post"].message
    await ws.channel_members.add(elsewhere.id, ada.id)
    await ws.slash_commands.execute(typed("/poll"))
    assert any("Vote!" in post.message for post in await posts_in(ws, elsewhere))
