"""A client that others wrote, a gateway and a plugin as processes: the whole way from a person to a hook and back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from mattermostautodriver import AsyncTypedDriver
from mattermostautodriver.exceptions import InvalidOrMissingParameters, NotEnoughPermissions, ResourceNotFound

from support.bundles import plugin_bundle
from support.driver import driver_of, listening
from support.gateway import running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning"),  # the driver's
]

MODERATOR = "com.example.moderator"
PROGRAM = b"""
from dataclasses import replace
from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.models import Command, CommandResponse, WebsocketBroadcast

class Moderator(Plugin):
    @hook(HookName.OnActivate)
    def activated(self):
        self.api.register_command(Command(trigger="moderate", auto_complete=True))

    @hook(HookName.MessageWillBePosted)
    def check(self, context, post):
        if "damn" in post.message:
            return None, "no swearing"
        return replace(post, message=post.message.replace("heck", "h**k")), ""

    @hook(HookName.ExecuteCommand)
    def moderate(self, context, args):
        return CommandResponse(response_type="in_channel", text=f"moderated: {args.command}")

    @hook(HookName.MessageHasBeenPosted)
    def posted(self, context, post):
        self.api.publish_web_socket_event("seen", {"post_id": post.id}, WebsocketBroadcast(channel_id=post.channel_id))

run_plugin(Moderator)
"""
MEMBER = Path(__file__).parent / "plugins" / "member"
SETTINGS = {"SERVEHTTP_WORKSPACE__ENABLED": "true"}
PASSWORD = "correct horse battery"


async def test_a_person_installs_a_plugin_that_sees_what_another_one_writes(tmp_path: Path) -> None:
    async with running(MEMBER, "--data-dir", str(tmp_path), environment=SETTINGS) as gateway:
        token = (tmp_path / "admin-token").read_text().strip()
        async with driver_of(gateway.port, token=token) as admin:
            await admin.login()
            await manage(admin)
            ada = await admin.users.create_user("ada@example.com", "ada", password=PASSWORD)
            team = await admin.teams.create_team("engines", "Engines", "O")
            await admin.teams.add_team_member(team["id"], user_id=ada["id"])
            async with driver_of(gateway.port, login_id="ada", password=PASSWORD) as driver:
                await driver.login()
                await write(driver, team)
            await admin.plugins.disable_plugin(MODERATOR)
            assert MODERATOR in await ids(admin, "inactive")
            await admin.plugins.remove_plugin(MODERATOR)
            with pytest.raises(ResourceNotFound):
                await admin.plugins.enable_plugin(MODERATOR)
            assert MODERATOR not in {status["plugin_id"] for status in await admin.plugins.get_plugin_statuses()}


async def manage(admin: AsyncTypedDriver) -> None:
    bundle = plugin_bundle(MODERATOR, PROGRAM)
    installed = await admin.plugins.upload_plugin(plugin=("moderator.tar.gz", io.BytesIO(bundle)))
    assert installed["id"] == MODERATOR
    with pytest.raises(InvalidOrMissingParameters):
        await admin.plugins.upload_plugin(plugin=("moderator.tar.gz", io.BytesIO(bundle)))
    await admin.plugins.upload_plugin(plugin=("moderator.tar.gz", io.BytesIO(bundle)), force="true")
    with pytest.raises(InvalidOrMissingParameters):
        await admin.plugins.upload_plugin(plugin=("moderator.tar.gz", io.BytesIO(b"no bundle")))
    assert await ids(admin, "inactive") == {MODERATOR}
    await admin.plugins.enable_plugin(MODERATOR)
    assert MODERATOR in await ids(admin, "active")
    states = {status["plugin_id"]: status["state"] for status in await admin.plugins.get_plugin_statuses()}
    assert states[MODERATOR] == 2


async def ids(admin: AsyncTypedDriver, which: str) -> set[str]:
    """The ids of the plugins that are "active", or "inactive"."""
    return {plugin["id"] for plugin in (await admin.plugins.get_plugins())[which]}


async def write(driver: AsyncTypedDriver, team: dict[str, Any]) -> None:
    with pytest.raises(NotEnoughPermissions):
        await driver.plugins.disable_plugin(MODERATOR)
    square = await driver.channels.get_channel_by_name(team["id"], "town-square")
    async with listening(driver) as heard:
        with pytest.raises(InvalidOrMissingParameters, match="no swearing"):
            await driver.posts.create_post(square["id"], "damn")
        post = await driver.posts.create_post(square["id"], "what the heck")
        assert post["message"] == "what the h**k"
        assert json.loads((await heard.next("posted"))["data"]["post"])["id"] == post["id"]
        assert (await heard.next(f"custom_{MODERATOR}_seen"))["data"] == {"post_id": post["id"]}
        answer = await driver.commands.execute_command(square["id"], "/moderate everything")
        assert answer["text"] == "moderated: /moderate everything"
        content = bytes(range(256)) * 8192
        uploaded = await driver.files.upload_file(files=("a.bin", io.BytesIO(content)), channel_id=square["id"])
        assert (await driver.files.get_file(uploaded["file_infos"][0]["id"])).content == content
