"""The embedded workspace as the host of a plugin in the test's process."""

from __future__ import annotations

import pytest

from mattermost_plugin import NotFoundError, PluginAPIError
from mattermost_plugin.models import CommandArgs, CommandResponse, Post
from mattermost_plugin.testing import BlockingPlugin, HookFirer, PluginClient, allowed
from servehttp.testing import FakeAPI
from support.sample_plugin import Sample

pytestmark = [pytest.mark.anyio, pytest.mark.plugin(cls=Sample)]


async def test_an_endpoint_calls_the_api(plugin_client: PluginClient, fake_api: FakeAPI) -> None:
    ada = fake_api.create_user("ada")

    assert (await plugin_client.get("/users/ada")).text == ada.id


async def test_a_sync_handler_calls_the_api(hooks: HookFirer, fake_api: FakeAPI) -> None:
    args = CommandArgs(command="/greet", user_id=fake_api.create_user("ada").id)

    assert await hooks.fire("ExecuteCommand", args) == allowed(CommandResponse(text="/greet for ada"))


async def test_the_semantics_are_those_of_a_host(plugin: Sample, hooks: HookFirer, fake_api: FakeAPI) -> None:
    ada, bea = fake_api.create_user(roles="system_admin system_user"), fake_api.create_user()
    team = fake_api.create_team(members=[ada])
    news = fake_api.create_channel(team, members=[ada, bea], private=True)
    api = plugin.async_api

    members = await api.get_channel_members(news.id, page=0, per_page=10)
    assert {member.user_id for member in members} == {ada.id, bea.id}
    assert news.type == "P"
    assert "system_admin" in (await api.get_user(ada.id)).roles
    assert (await api.get_user(fake_api.create_bot().user_id)).is_bot
    with pytest.raises(NotFoundError):
        await api.get_user("a" * 26)


async def test_the_workspace_asks_the_plugin(plugin: Sample, hooks: HookFirer, fake_api: FakeAPI) -> None:
    ada = fake_api.create_user("ada")
    news = fake_api.create_channel(fake_api.create_team(), members=[ada])

    loud = await plugin.async_api.create_post(Post(channel_id=news.id, user_id=ada.id, message="HELLO"))
    assert loud.message == "hello"
    with pytest.raises(PluginAPIError, match=r"Mind your language\."):
        await plugin.async_api.create_post(Post(channel_id=news.id, user_id=ada.id, message="damn"))


async def test_the_workspace_tells_the_plugin(plugin: Sample, hooks: HookFirer, fake_api: FakeAPI) -> None:
    fake_api.create_user("ada")
    await fake_api.settled()

    assert plugin.seen == ["activated", "ada"]


def test_it_is_there_for_tests_that_are_not_async(
    plugin: Sample, blocking_plugin: BlockingPlugin, fake_api: FakeAPI
) -> None:
    ada = fake_api.create_user("ada")
    news = fake_api.create_channel(fake_api.create_team(), members=[ada])

    assert blocking_plugin.get("/users/ada").text == ada.id
    assert plugin.api.create_post(Post(channel_id=news.id, user_id=ada.id, message="HELLO")).message == "hello"
    assert fake_api.call(fake_api.workspace.users.get, ada.id).username == "ada"


async def test_without_it_the_plugin_has_no_host(plugin: Sample) -> None:
    with pytest.raises(RuntimeError, match="there is no API"):
        await plugin.async_api.get_server_version()
