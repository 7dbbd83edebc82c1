"""Posts, reactions, emoji, files and commands over REST: who may do what, and what is kept from whom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ByteSize

from mattermost_plugin.grpc.hooks_message_pb2 import (
    FileWillBeUploadedResponse,
    MessagesWillBeConsumedResponse,
    MessageWillBePostedResponse,
)
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.domains.posts.files import FileFilter
from servehttp.workspace.settings import RestSettings, WorkspaceSettings
from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.workspaces import FakePlugin

pytestmark = pytest.mark.anyio


@pytest.fixture
async def square(ada: Client) -> Any:
    """The town square of a team of Ada's."""
    team = await ada.ok("POST", "/teams", json={"name": "engines", "display_name": "Engines", "type": "O"})
    return await ada.ok("GET", f"/teams/{team['id']}/channels/name/town-square")


@pytest.fixture
async def bob(make_client: Any, ws: Workspace, square: Any) -> Client:
    """A member of the team."""
    client: Client = await make_client("bob")
    await ws.team_members.add(square["team_id"], client.user.id)
    return client


@pytest.fixture
async def eve(make_client: Any) -> Client:
    """In no team."""
    client: Client = await make_client("eve")
    return client


async def write(client: Client, channel: Any, message: str, **more: Any) -> Any:
    return await client.ok("POST", "/posts", json={"channel_id": channel["id"], "message": message, **more})


async def test_nobody_reads_or_writes_in_channels_they_are_not_in(ada: Client, eve: Client, square: Any) -> None:
    post = await write(ada, square, "hello")
    assert (await eve("POST", "/posts", json={"channel_id": square["id"], "message": "hello"})).status_code == 403
    for path in ("", "/thread", "/reactions", "/files/info", "/edit_history"):
        assert (await eve("GET", f"/posts/{post['id']}{path}")).status_code == 403
    assert await eve.ok("POST", "/posts/ids", json=[post["id"]]) == []
    assert (await eve.ok("POST", "/posts/search", json={"terms": "hello"}))["order"] == []
    reaction = {"user_id": eve.user.id, "post_id": post["id"], "emoji_name": "tea"}
    assert (await eve("POST", "/reactions", json=reaction)).status_code == 403


async def test_a_post_says_of_nobody_else_that_they_wrote_it(ada: Client, bob: Client, square: Any) -> None:
    claims = {"from_webhook": "true", "override_username": "grace", "from_bot": "true", "from_plugin": "true"}
    post = await write(ada, square, "trust me", user_id=bob.user.id, type="system_join_team", props=claims | {"a": 1})
    assert (post["user_id"], post["type"], post["props"]) == (ada.user.id, "", {"a": 1})
    changed = await ada.ok("PUT", f"/posts/{post['id']}/patch", json={"props": claims})
    assert changed["props"] == {}


async def test_authors_edit_their_posts_and_administrators_delete_those_of_others(
    ada: Client, bob: Client, square: Any
) -> None:
    post = await write(bob, square, "wil be fixed")
    path = f"/posts/{post['id']}"
    assert (await ada("PUT", f"{path}/patch", json={"message": "mine"})).status_code == 403
    assert (await bob("PUT", path, json={"id": "another", "message": "x"})).status_code == 400
    assert (await bob.ok("PUT", path, json={"id": post["id"], "message": "is fixed"}))["edit_at"]
    assert [old["message"] for old in await bob.ok("GET", f"{path}/edit_history")] == ["wil be fixed"]
    await ada.ok("DELETE", path)
    assert (await bob("GET", path)).status_code == 404
    hers = await write(ada, square, "stays")
    assert (await bob("DELETE", f"/posts/{hers['id']}")).status_code == 403


async def test_a_channel_is_read_by_pages_before_after_and_since(ada: Client, square: Any, clock: Any) -> None:
    posts = []
    for number in range(4):
        clock.advance(seconds=1)
        posts.append(await write(ada, square, str(number)))
    ids = [post["id"] for post in posts]
    path = f"/channels/{square['id']}/posts"
    page = await ada.ok("GET", f"{path}?page=1&per_page=2")
    assert (page["order"], page["next_post_id"]) == ([ids[1], ids[0]], ids[2])
    assert (await ada.ok("GET", f"{path}?before={ids[1]}"))["order"] == [ids[0]]
    assert (await ada.ok("GET", f"{path}?after={ids[2]}"))["order"] == [ids[3]]
    since = posts[2]["create_at"] - 1
    assert (await ada.ok("GET", f"{path}?since={since}"))["order"] == [ids[3], ids[2]]


async def test_what_a_plugin_hides_is_not_there(ada: Client, square: Any, ws: Workspace) -> None:
    post = await write(ada, square, "secret")

    def without_all(asked: Any) -> MessagesWillBeConsumedResponse:
        return MessagesWillBeConsumedResponse(posts=[])

    ws.hooks.register("hider", FakePlugin({"MessagesWillBeConsumed": without_all}))
    assert (await ada("GET", f"/posts/{post['id']}")).status_code == 404
    listed = await ada.ok("GET", f"/channels/{square['id']}/posts")
    assert (listed["order"], listed["posts"]) == ([], {})


async def test_a_post_that_a_plugin_drops_is_known_by_its_id(ada: Client, square: Any, ws: Workspace) -> None:
    dismissed = MessageWillBePostedResponse(rejection_reason="plugin.message_will_be_posted.dismiss_post")
    ws.hooks.register("dropper", FakePlugin({"MessageWillBePosted": dismissed}))
    response = await ada("POST", "/posts", json={"channel_id": square["id"], "message": "gone"})
    assert (response.status_code, response.json()["id"]) == (400, "plugin.message_will_be_posted.dismiss_post")


async def test_a_plugin_that_refuses_a_file_is_quoted(ada: Client, square: Any, ws: Workspace) -> None:
    refused = FileWillBeUploadedResponse(rejection_reason="no executables")
    ws.hooks.register("scanner", FakePlugin({"FileWillBeUploaded": refused}))
    response = await ada("POST", f"/files?channel_id={square['id']}", files={"files": ("a.exe", b"MZ")})
    assert (response.status_code, response.json()["message"]) == (400, "no executables")


async def test_nobody_reacts_for_others_or_takes_their_reactions_back(ada: Client, bob: Client, square: Any) -> None:
    post = await write(ada, square, "tea?")
    hers = {"user_id": ada.user.id, "post_id": post["id"], "emoji_name": "tea"}
    assert (await bob("POST", "/reactions", json=hers)).status_code == 403
    await ada.ok("POST", "/reactions", json=hers)
    path = f"/users/{ada.user.id}/posts/{post['id']}/reactions/tea"
    assert (await bob("DELETE", path)).status_code == 403
    await ada.ok("DELETE", path)


async def test_ephemeral_posts_need_a_permission(ada: Client, admin: Client, square: Any) -> None:
    body = {"user_id": ada.user.id, "post": {"channel_id": square["id"], "message": "psst"}}
    assert (await ada("POST", "/posts/ephemeral", json=body)).status_code == 403
    assert (await admin.ok("POST", "/posts/ephemeral", json=body))["type"] == "system_ephemeral"


async def test_a_file_is_the_uploaders_until_a_post_shows_it_to_the_channel(
    ada: Client, bob: Client, eve: Client, square: Any
) -> None:
    form = {"channel_id": square["id"], "client_ids": "1"}
    made = await ada.ok("POST", "/files", data=form, files={"files": ("plan.txt", b"the plan", "text/plain")})
    (info,) = made["file_infos"]
    assert made["client_ids"] == ["1"]
    assert info["user_id"] == ada.user.id
    path = f"/files/{info['id']}"
    assert (await eve("GET", path)).status_code == 403
    await write(ada, square, "see", file_ids=[info["id"]])
    shown = await bob("GET", path)
    assert shown.content == b"the plan"
    assert shown.headers["content-disposition"].startswith("inline;")
    assert (await eve("GET", path)).status_code == 403
    head = await bob("HEAD", path)
    assert (head.status_code, head.headers["content-length"]) == (200, "8")


async def test_what_a_browser_would_run_is_downloaded(ada: Client, square: Any) -> None:
    query = f"?channel_id={square['id']}&filename=evil%22%0d.html"
    made = await ada.ok("POST", f"/files{query}", content=b"<script>alert(1)</script>")
    response = await ada("GET", f"/files/{made['file_infos'][0]['id']}")
    assert response.headers["content-disposition"].startswith("attachment;")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert '"' not in response.headers["content-disposition"]


async def test_files_go_into_channels_that_one_is_in(ada: Client, eve: Client, square: Any) -> None:
    files = {"files": ("a.txt", b"a")}
    for data in ({"channel_id": square["id"]}, {"channel_id": "x"}, {}):
        assert (await eve("POST", "/files", data=data, files=files)).status_code == 403
    assert (await ada("POST", f"/files?channel_id={square['id']}", content=b"x")).status_code == 400


async def test_a_form_that_breaks_off_leaves_nothing(ada: Client, square: Any, ws: Workspace) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.bin"\r\n\r\nbegun and'
    response = await ada.http.post(
        f"/api/v4/files?channel_id={square['id']}",
        content=head,
        headers={"Authorization": f"Bearer {ada.token}", "Content-Type": "multipart/form-data; boundary=b"},
    )
    assert (response.status_code, response.json()["id"]) == (400, "api.context.invalid_body_param.app_error")
    assert await ws.files.find(FileFilter()) == []


async def test_an_upload_is_taken_up_again(ada: Client, eve: Client, square: Any) -> None:
    data = bytes(range(256)) * 8192
    asked = {"channel_id": square["id"], "filename": "big.bin", "file_size": len(data)}
    upload = await ada.ok("POST", "/uploads", json=asked)
    path = f"/uploads/{upload['id']}"
    assert (await eve("GET", path)).status_code == 403
    assert (await ada("POST", path, content=data[:1500000])).status_code == 204
    offset = (await ada.ok("GET", path))["file_offset"]
    assert offset == 1500000
    info = await ada.ok("POST", path, content=data[offset:])
    assert (await ada("GET", f"/files/{info['id']}")).content == data


async def test_emoji_are_added_found_and_deleted(ada: Client, bob: Client) -> None:
    image = plain_image("e" * 26)
    form = {"emoji": json.dumps({"name": "engine", "creator_id": "x"})}
    made = await ada.ok("POST", "/emoji", data=form, files={"image": ("e.png", image)})
    assert made["creator_id"] == ada.user.id
    for found in (
        await bob.ok("GET", "/emoji?sort=name"),
        await bob.ok("POST", "/emoji/search", json={"term": "ngi"}),
        await bob.ok("GET", "/emoji/autocomplete?name=eng"),
        await bob.ok("POST", "/emoji/names", json=["engine", "none"]),
        [await bob.ok("GET", "/emoji/name/engine")],
    ):
        assert [emoji["id"] for emoji in found] == [made["id"]]
    assert (await bob("DELETE", f"/emoji/{made['id']}")).status_code == 403
    await ada.ok("DELETE", f"/emoji/{made['id']}")
    assert (await bob("GET", f"/emoji/{made['id']}/image")).status_code == 404


async def test_a_commands_token_is_shown_to_who_manages_it(ada: Client, bob: Client, square: Any) -> None:
    body = {"team_id": square["team_id"], "trigger": "deploy", "method": "P", "url": "http://127.0.0.1:1/"}
    assert (await bob("POST", "/commands", json=body)).status_code == 403
    made = await ada.ok("POST", "/commands", json=body)
    assert made["token"]
    listed = await bob.ok("GET", f"/commands?team_id={square['team_id']}")
    assert "deploy" in {command["trigger"] for command in listed}
    assert not any("token" in command for command in listed)
    assert (await bob("GET", f"/commands/{made['id']}")).status_code == 403
    await ada.ok("DELETE", f"/commands/{made['id']}")


async def test_commands_run_in_channels_that_one_is_in(ada: Client, eve: Client, square: Any) -> None:
    body = {"channel_id": square["id"], "command": "/shrug"}
    assert (await eve("POST", "/commands/execute", json=body)).status_code == 403
    assert (await ada.ok("POST", "/commands/execute", json=body))["text"]
    unknown = await ada("POST", "/commands/execute", json=body | {"command": "/nothing"})
    assert (unknown.status_code, unknown.json()["id"]) == (404, "api.command.execute_command.not_found.app_error")


async def test_preferences_are_ones_own(ada: Client, bob: Client) -> None:
    theme = {"user_id": bob.user.id, "category": "theme", "name": "", "value": "{}"}
    assert (await ada("PUT", f"/users/{bob.user.id}/preferences", json=[theme])).status_code == 403
    assert (await ada("PUT", "/users/me/preferences", json=[theme])).status_code == 403
    assert (await ada("PUT", "/users/me/preferences", json=[])).status_code == 400
    assert (await ada("GET", "/users/me/preferences/none")).status_code == 404


async def test_bots_are_made_by_those_who_may(ada: Client, admin: Client) -> None:
    assert (await ada("POST", "/bots", json={"username": "robot"})).status_code == 403
    bot = await admin.ok("POST", "/bots", json={"username": "robot", "owner_id": "x"})
    path = f"/bots/{bot['user_id']}"
    assert bot["owner_id"] == admin.user.id
    assert (await admin.ok("PUT", path, json={"display_name": "Robot"}))["display_name"] == "Robot"
    assert (await admin.ok("POST", f"{path}/disable"))["delete_at"]
    assert await admin.ok("GET", "/bots") == []
    assert [found["username"] for found in await admin.ok("GET", "/bots?include_deleted=true")] == ["robot"]
    assert (await admin.ok("POST", f"{path}/enable"))["delete_at"] == 0


async def test_the_configuration_is_shown_without_secrets_and_changed_by_administrators(
    ada: Client, admin: Client, nobody: Client
) -> None:
    assert (await nobody.ok("GET", "/config/client?format=old"))["SiteName"] == "Workspace"
    assert (await ada("GET", "/config")).status_code == 403
    config = await admin.ok("GET", "/config")
    config["TeamSettings"]["SiteName"] = "Engines"
    config["EmailSettings"]["SMTPPassword"] = "hunter2"
    shown = await admin("PUT", "/config", json=config)
    assert "hunter2" not in shown.text
    assert (await nobody.ok("GET", "/config/client"))["SiteName"] == "Engines"


class TestLimited:
    @pytest.fixture
    def settings(self, database_url: str) -> WorkspaceSettings:
        return WorkspaceSettings(database_url=database_url, max_file_size=ByteSize(1000))

    @pytest.fixture
    def rest_settings(self) -> RestSettings:
        return RestSettings(body_size=ByteSize(10_000))

    async def test_a_file_over_the_limit_is_refused(self, ada: Client, square: Any) -> None:
        for size in (1001, 100_000):
            files = {"files": ("big.bin", b"x" * size)}
            response = await ada("POST", f"/files?channel_id={square['id']}", files=files)
            assert response.status_code == 413
        fits = {"files": ("fits.bin", b"x" * 1000)}
        await ada.ok("POST", f"/files?channel_id={square['id']}", files=fits)
