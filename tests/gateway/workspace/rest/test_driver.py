"""What a client can do that others wrote: mattermostautodriver, against a server at a port of its own."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mattermostautodriver import AsyncTypedDriver
from mattermostautodriver.exceptions import InvalidOrMissingParameters, NoAccessTokenProvided

from mattermost_plugin.grpc.hooks_command_pb2 import ExecuteCommandResponse
from mattermost_plugin.grpc.hooks_message_pb2 import MessageWillBePostedRequest, MessageWillBePostedResponse
from mattermost_plugin.models import Command, CommandResponse, User, WebsocketBroadcast
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.rest import make_rest
from servehttp.workspace.settings import RestSettings
from servehttp.workspace.workspace import Workspace
from support.driver import Listener, driver_of, listening
from support.rest import served
from support.workspaces import PASSWORD, FakePlugin, a_user

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning"),  # the driver's
]


@pytest.fixture
async def port(ws: Workspace) -> AsyncIterator[int]:
    async with served(make_rest(ws, RestSettings())) as port:
        yield port


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def driver(port: int, ada: User) -> AsyncIterator[AsyncTypedDriver]:
    async with driver_of(port, login_id="ada", password=PASSWORD) as driver:
        await driver.login()
        yield driver


@pytest.fixture
async def town(driver: AsyncTypedDriver) -> dict[str, Any]:
    """The town square of a new team."""
    team = await driver.teams.create_team(name="engines", display_name="Engines", type="O")
    return dict(await driver.channels.get_channel_by_name(team["id"], "town-square"))


@pytest.fixture
async def heard(driver: AsyncTypedDriver) -> AsyncIterator[Listener]:
    """The driver's WebSocket client, connected."""
    async with listening(driver) as listener:
        yield listener


async def test_it_logs_in_and_out(driver: AsyncTypedDriver, ada: User, port: int) -> None:
    assert (await driver.users.get_user("me"))["id"] == ada.id
    await driver.logout()
    with pytest.raises(NoAccessTokenProvided):
        await driver.users.get_user("me")
    async with driver_of(port, login_id="ada", password="wrong password") as other:
        with pytest.raises(NoAccessTokenProvided):
            await other.login()


async def test_it_makes_a_team_and_a_channel_and_brings_others_in(
    driver: AsyncTypedDriver, ws: Workspace, ada: User
) -> None:
    bob = await a_user(ws, "bob")
    team = await driver.teams.create_team(name="engines", display_name="Engines", type="O")
    assert await driver.teams.team_exists("engines") == {"exists": True}
    await driver.teams.add_team_member(team["id"], user_id=bob.id)
    channel = await driver.channels.create_channel(team["id"], "looms", "Looms", "P")
    await driver.channels.add_channel_member(channel["id"], user_id=bob.id)
    members = await driver.channels.get_channel_members(channel["id"])
    assert {member["user_id"] for member in members} == {ada.id, bob.id}
    assert (await driver.teams.get_team_stats(team["id"]))["total_member_count"] == 2
    direct = await driver.channels.create_direct_channel([ada.id, bob.id])
    assert direct["type"] == "D"


async def test_it_posts_replies_edits_and_reads(driver: AsyncTypedDriver, town: dict[str, Any]) -> None:
    root = await driver.posts.create_post(town["id"], "Hello, engine")
    reply = await driver.posts.create_post(town["id"], "Hello, Ada", root_id=root["id"])
    await driver.posts.patch_post(reply["id"], message="Good morning, Ada")
    listed = await driver.posts.get_posts_for_channel(town["id"])
    assert listed["order"] == [reply["id"], root["id"]]
    thread = await driver.posts.get_post_thread(root["id"])
    assert thread["posts"][reply["id"]]["message"] == "Good morning, Ada"
    found = await driver.posts.search_posts(town["team_id"], terms="morning", is_or_search=False)
    assert found["order"] == [reply["id"]]
    await driver.posts.pin_post(root["id"])
    assert (await driver.channels.get_pinned_posts(town["id"]))["order"] == [root["id"]]
    await driver.posts.delete_post(root["id"])
    assert not (await driver.posts.get_posts_for_channel(town["id"]))["order"]


async def test_a_plugins_veto_comes_with_its_reason_and_a_change_comes_back(
    driver: AsyncTypedDriver, town: dict[str, Any], ws: Workspace
) -> None:
    def judged(asked: MessageWillBePostedRequest) -> MessageWillBePostedResponse:
        if "damn" in asked.post.message:
            return MessageWillBePostedResponse(rejection_reason="no swearing")
        asked.post.message = asked.post.message.upper()
        return MessageWillBePostedResponse(modified_post=asked.post)

    ws.hooks.register("moderator", FakePlugin({"MessageWillBePosted": judged}))
    with pytest.raises(InvalidOrMissingParameters, match="no swearing"):
        await driver.posts.create_post(town["id"], "damn")
    assert (await driver.posts.create_post(town["id"], "quietly"))["message"] == "QUIETLY"


async def test_it_reacts_and_takes_that_back(driver: AsyncTypedDriver, town: dict[str, Any], ada: User) -> None:
    post = await driver.posts.create_post(town["id"], "Tea?")
    reaction = {"user_id": ada.id, "post_id": post["id"], "emoji_name": "tea"}
    await driver.reactions.save_reaction(reaction)
    assert [found["emoji_name"] for found in await driver.reactions.get_reactions(post["id"])] == ["tea"]
    await driver.reactions.delete_reaction(ada.id, post["id"], "tea")
    assert not (await driver.posts.get_post(post["id"]))["metadata"]["reactions"]


async def test_it_uploads_a_file_attaches_it_and_downloads_it(driver: AsyncTypedDriver, town: dict[str, Any]) -> None:
    content = bytes(range(256)) * 4096
    name = "engine — plan.bin"
    uploaded = await driver.files.upload_file(files=(name, io.BytesIO(content)), channel_id=town["id"])
    (info,) = uploaded["file_infos"]
    assert (info["name"], info["size"]) == (name, len(content))
    post = await driver.posts.create_post(town["id"], "The plan", file_ids=[info["id"]])
    assert [file["id"] for file in post["metadata"]["files"]] == [info["id"]]
    assert (await driver.files.get_file(info["id"])).content == content
    assert (await driver.files.get_file_info(info["id"]))["post_id"] == post["id"]


async def test_it_adds_an_emoji(driver: AsyncTypedDriver, ada: User) -> None:
    image = plain_image(ada.id)
    emoji = json.dumps({"name": "engine", "creator_id": ada.id})
    made = await driver.emoji.create_emoji(image=("engine.png", io.BytesIO(image)), emoji=emoji)
    assert (await driver.emoji.get_emoji_by_name("engine"))["id"] == made["id"]
    assert (await driver.emoji.get_emoji_image(made["id"])).content == image


async def test_it_runs_a_slash_command(driver: AsyncTypedDriver, town: dict[str, Any], ws: Workspace) -> None:
    def rolled(asked: Any) -> ExecuteCommandResponse:
        answer = CommandResponse(response_type="in_channel", text=f"rolled {asked.args.command}")
        return ExecuteCommandResponse(response=answer.to_proto())

    ws.hooks.register("dice", FakePlugin({"ExecuteCommand": rolled}))
    ws.commands.register("dice", Command(trigger="roll", auto_complete=True))
    offered = await driver.commands.list_autocomplete_commands(town["team_id"])
    assert "roll" in {command["trigger"] for command in offered}
    response = await driver.commands.execute_command(town["id"], "/roll 2d6")
    assert (response["response_type"], response["text"]) == ("in_channel", "rolled /roll 2d6")
    listed = await driver.posts.get_posts_for_channel(town["id"])
    assert listed["posts"][listed["order"][0]]["message"] == "rolled /roll 2d6"


async def test_it_sets_preferences(driver: AsyncTypedDriver, ada: User) -> None:
    theme = {"user_id": ada.id, "category": "theme", "name": "", "value": "{}"}
    await driver.preferences.update_preferences(ada.id, [theme])
    assert theme in await driver.preferences.get_preferences(ada.id)
    assert await driver.preferences.get_preferences_by_category(ada.id, "theme") == [theme]
    await driver.preferences.delete_preferences(ada.id, [theme])
    assert theme not in await driver.preferences.get_preferences(ada.id)


async def test_its_websocket_client_hears_of_posts_reactions_and_plugins(
    driver: AsyncTypedDriver, town: dict[str, Any], heard: Listener, ws: Workspace, ada: User
) -> None:
    post = await driver.posts.create_post(town["id"], "Anybody there?")
    posted = await heard.next("posted")
    assert json.loads(posted["data"]["post"])["id"] == post["id"]
    assert (posted["data"]["channel_name"], posted["data"]["sender_name"]) == ("town-square", "@ada")
    assert posted["broadcast"]["channel_id"] == town["id"]
    await driver.reactions.save_reaction({"user_id": ada.id, "post_id": post["id"], "emoji_name": "wave"})
    assert json.loads((await heard.next("reaction_added"))["data"]["reaction"])["emoji_name"] == "wave"
    ws.plugin_events.publish_to_clients("demo", "tick", {"number": 1}, WebsocketBroadcast(user_id=ada.id))
    assert (await heard.next("custom_demo_tick"))["data"] == {"number": 1}
