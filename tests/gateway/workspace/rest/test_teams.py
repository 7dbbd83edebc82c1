"""Teams and channels over REST: who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.workspace import Workspace
from support.rest import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def team(ada: Client) -> Any:
    """A team that Ada administers."""
    return await ada.ok("POST", "/teams", json={"name": "engines", "display_name": "Engines", "type": "O"})


@pytest.fixture
async def bob(make_client: Any) -> Client:
    """Another user, in no team."""
    client: Client = await make_client("bob")
    return client


async def join(team: Any, admin: Client, user: Client) -> None:
    await admin.ok("POST", f"/teams/{team['id']}/members", json={"team_id": team["id"], "user_id": user.user.id})


async def a_channel(client: Client, team: Any, name: str = "looms", type: str = "P") -> Any:
    body = {"team_id": team["id"], "name": name, "display_name": name.title(), "type": type}
    return await client.ok("POST", "/channels", json=body)


async def test_only_who_is_in_a_team_sees_and_only_its_administrator_changes_it(
    ada: Client, bob: Client, team: Any
) -> None:
    path = f"/teams/{team['id']}"
    assert (await bob("GET", path)).status_code == 403
    assert await bob.ok("GET", "/teams/name/engines/exists") == {"exists": False}
    assert not await bob.ok("GET", "/teams")
    await join(team, ada, bob)
    seen = await bob.ok("GET", path)
    assert (seen["name"], seen["email"]) == ("engines", "")
    assert (await ada.ok("GET", path))["email"] == "ada@example.com"
    assert (await bob("PUT", f"{path}/patch", json={"display_name": "Mine"})).status_code == 403
    changed = await ada.ok("PUT", f"{path}/patch", json={"display_name": "Looms", "name": "other"})
    assert (changed["display_name"], changed["name"]) == ("Looms", "engines")
    assert (await bob("DELETE", path)).status_code == 403
    await ada.ok("DELETE", path)
    assert not await ada.ok("GET", "/users/me/teams")
    assert (await ada.ok("POST", f"{path}/restore"))["delete_at"] == 0


async def test_an_open_team_is_joined_and_others_by_invitation(ada: Client, bob: Client, team: Any) -> None:
    members = f"/teams/{team['id']}/members"
    myself = {"team_id": team["id"], "user_id": bob.user.id}
    assert (await bob("POST", members, json=myself)).status_code == 403
    shown = await bob.ok("GET", f"/teams/invite/{team['invite_id']}")
    assert shown.keys() == {"id", "name", "display_name", "description"}
    await bob.ok("POST", f"/teams/members/invite?invite_id={team['invite_id']}")
    await bob.ok("DELETE", f"{members}/me")
    await ada.ok("PUT", f"/teams/{team['id']}", json={"allow_open_invite": True})
    assert (await bob.ok("POST", members, json=myself))["user_id"] == bob.user.id


async def test_members_are_added_counted_and_given_roles(ada: Client, bob: Client, team: Any) -> None:
    path = f"/teams/{team['id']}"
    added = await ada.ok(
        "POST", f"{path}/members/batch?graceful=true", json=[{"user_id": bob.user.id}, {"user_id": "x"}]
    )
    assert [item["error"] is None for item in added] == [True, False]
    assert (await bob.ok("GET", f"{path}/stats"))["total_member_count"] == 2
    assert len(await bob.ok("GET", f"{path}/members?per_page=1")) == 1
    found = await bob.ok("POST", f"{path}/members/ids", json=[bob.user.id, "nobody"])
    assert [member["user_id"] for member in found] == [bob.user.id]
    role = f"{path}/members/{bob.user.id}/schemeRoles"
    assert (await bob("PUT", role, json={"scheme_admin": True})).status_code == 403
    await ada.ok("PUT", role, json={"scheme_user": True, "scheme_admin": True})
    assert (await ada.ok("GET", f"{path}/members/{bob.user.id}"))["scheme_admin"]
    assert [member["team_id"] for member in await bob.ok("GET", "/users/me/teams/members")] == [team["id"]]


async def test_a_team_has_an_image(ada: Client, bob: Client, team: Any) -> None:
    path, data = f"/teams/{team['id']}/image", plain_image("t" * 26)
    assert (await bob("POST", path, files={"image": data})).status_code == 403
    await ada.ok("POST", path, files={"image": ("t.png", data)})
    assert (await ada("GET", path)).content == data
    await ada.ok("DELETE", path)
    assert (await ada("GET", path)).status_code == 404


async def test_teams_are_searched(ada: Client, team: Any) -> None:
    assert [found["id"] for found in await ada.ok("POST", "/teams/search", json={"term": "eng"})] == [team["id"]]
    paged = await ada.ok("POST", "/teams/search", json={"term": "eng", "page": 0, "per_page": 1})
    assert paged["total_count"] == 1


async def test_a_private_channel_is_seen_by_its_members_alone(ada: Client, bob: Client, team: Any) -> None:
    await join(team, ada, bob)
    looms = await a_channel(ada, team)
    path = f"/channels/{looms['id']}"
    for method, below in (("GET", ""), ("GET", "/members"), ("GET", "/posts"), ("GET", "/stats"), ("PUT", "/patch")):
        assert (await bob(method, path + below, json={})).status_code == 403
    assert (await bob("POST", f"{path}/members", json={"user_id": bob.user.id})).status_code == 403
    await ada.ok("POST", f"{path}/members", json={"user_id": bob.user.id})
    assert (await bob.ok("GET", path))["name"] == "looms"
    assert (await bob.ok("GET", f"{path}/stats"))["member_count"] == 2


async def test_a_public_channel_is_found_looked_into_and_joined(ada: Client, bob: Client, team: Any) -> None:
    await join(team, ada, bob)
    weavers = await a_channel(ada, team, "weavers", "O")
    in_team = f"/teams/{team['id']}/channels"
    assert weavers["id"] in {channel["id"] for channel in await bob.ok("GET", in_team)}
    for found in (
        await bob.ok("POST", f"{in_team}/search", json={"term": "weav"}),
        await bob.ok("GET", f"{in_team}/autocomplete?name=weav"),
        [await bob.ok("GET", f"{in_team}/name/weavers")],
        [await bob.ok("GET", "/teams/name/engines/channels/name/weavers")],
    ):
        assert [channel["id"] for channel in found] == [weavers["id"]]
    assert (await bob("GET", f"/channels/{weavers['id']}/posts")).status_code == 200
    await bob.ok("POST", f"/channels/{weavers['id']}/members", json={"user_id": bob.user.id})
    mine = await bob.ok("GET", f"/users/me/teams/{team['id']}/channels")
    assert "weavers" in {channel["name"] for channel in mine}
    await bob.ok("DELETE", f"/channels/{weavers['id']}/members/{bob.user.id}")


async def test_a_channel_is_changed_archived_and_restored(ada: Client, team: Any) -> None:
    looms = await a_channel(ada, team)
    path = f"/channels/{looms['id']}"
    changed = await ada.ok("PUT", f"{path}/patch", json={"header": "Mind the shuttle", "creator_id": "x", "type": "O"})
    assert (changed["header"], changed["creator_id"], changed["type"]) == ("Mind the shuttle", ada.user.id, "P")
    await ada.ok("DELETE", path)
    assert (await ada.ok("GET", path))["delete_at"]
    assert (await ada.ok("POST", f"{path}/restore"))["delete_at"] == 0


async def test_a_channel_becomes_private_by_its_administrator_but_not_the_town_square(
    ada: Client, bob: Client, team: Any
) -> None:
    await join(team, ada, bob)
    weavers = await a_channel(ada, team, "weavers", "O")
    path, ids = f"/channels/{weavers['id']}/privacy", f"/teams/{team['id']}/channels/ids"
    assert [found["id"] for found in await bob.ok("POST", ids, json=[weavers["id"]])] == [weavers["id"]]
    assert (await bob("PUT", path, json={"privacy": "P"})).status_code == 403
    assert (await ada("PUT", path, json={"privacy": "D"})).status_code == 400
    assert (await ada.ok("PUT", path, json={"privacy": "P"}))["type"] == "P"
    assert await bob.ok("POST", ids, json=[weavers["id"]]) == []
    assert (await bob("GET", f"/channels/{weavers['id']}")).status_code == 403
    square = await ada.ok("GET", f"/teams/{team['id']}/channels/name/town-square")
    assert (await ada("PUT", f"/channels/{square['id']}/privacy", json={"privacy": "P"})).status_code == 400


async def test_others_do_not_see_what_a_member_has_read(ada: Client, bob: Client, team: Any) -> None:
    await join(team, ada, bob)
    square = await ada.ok("GET", f"/teams/{team['id']}/channels/name/town-square")
    await ada.ok("POST", "/posts", json={"channel_id": square["id"], "message": "hello"})
    assert (await bob.ok("GET", f"/users/me/channels/{square['id']}/unread"))["msg_count"] >= 1
    await bob.ok("POST", "/channels/members/me/view", json={"channel_id": square["id"]})
    assert (await bob.ok("GET", f"/users/me/channels/{square['id']}/unread"))["msg_count"] == 0
    path = f"/channels/{square['id']}/members/{bob.user.id}"
    assert (await bob.ok("GET", path))["last_viewed_at"] > 0
    assert (await ada.ok("GET", path))["last_viewed_at"] == -1
    assert (await ada("PUT", f"{path}/notify_props", json={"desktop": "all"})).status_code == 403
    await bob.ok("PUT", f"{path}/notify_props", json={"desktop": "all"})
    assert (await bob.ok("GET", path))["notify_props"]["desktop"] == "all"


async def test_nobody_opens_a_direct_channel_between_others(ada: Client, bob: Client, admin: Client) -> None:
    between = [bob.user.id, admin.user.id]
    assert (await ada("POST", "/channels/direct", json=between)).status_code == 403
    direct = await bob.ok("POST", "/channels/direct", json=between)
    assert (await ada("GET", f"/channels/{direct['id']}")).status_code == 403
    group = await ada.ok("POST", "/channels/group", json=between)
    assert len(await bob.ok("GET", f"/channels/{group['id']}/members")) == 3


async def test_the_sidebar_has_categories_in_an_order(ada: Client, bob: Client, team: Any) -> None:
    path = f"/users/me/teams/{team['id']}/channels/categories"
    made = await ada.ok("POST", path, json={"display_name": "Looms", "channel_ids": []})
    order = await ada.ok("GET", f"{path}/order")
    assert made["id"] in order
    assert await ada.ok("PUT", f"{path}/order", json=order[::-1]) == order[::-1]
    renamed = await ada.ok("PUT", path, json=[made | {"display_name": "Mills"}])
    assert [category["display_name"] for category in renamed] == ["Mills"]
    await ada.ok("DELETE", f"{path}/{made['id']}")
    assert made["id"] not in (await ada.ok("GET", path))["order"]
    assert (await bob("GET", path.replace("/me/", f"/{ada.user.id}/"))).status_code == 403


async def test_roles_are_shown_and_changed_by_administrators(ada: Client, admin: Client, ws: Workspace) -> None:
    role = await ada.ok("GET", "/roles/name/system_user")
    assert "create_team" in role["permissions"]
    assert [found["name"] for found in await ada.ok("POST", "/roles/names", json=["team_user", "none"])] == [
        "team_user"
    ]
    assert (await ada("PUT", f"/roles/{role['id']}/patch", json={"permissions": []})).status_code == 403
    await admin.ok("PUT", f"/roles/{role['id']}/patch", json={"permissions": ["view_members"]})
    body = {"name": "mills", "display_name": "Mills", "type": "O"}
    assert (await ada("POST", "/teams", json=body)).status_code == 403
