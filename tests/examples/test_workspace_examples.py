"""The examples that take part in the workspace, served by a gateway and driven as clients drive them, over REST."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.gateway import running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"
WITH_WORKSPACE = {"SERVEHTTP_WORKSPACE__ENABLED": "true"}
MODERATOR, TODO = "/plugins/com.example.moderator/", "/plugins/com.example.todo/"
HTML = {"accept": "text/html"}
PASSWORD = "Passw0rd!"


@dataclass
class Member:
    """Somebody in a team of the workspace, logged in."""

    http: httpx2.AsyncClient
    user_id: str
    team_id: str
    channel_id: str

    async def ok(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer of the REST API, which has to be a good one."""
        answer = await self.http.request(method, f"/api/v4{path}", **options)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def command(self, text: str) -> str:
        """What a slash command answers."""
        args = {"channel_id": self.channel_id, "team_id": self.team_id, "command": text}
        answer = await self.ok("POST", "/commands/execute", json=args)
        return str(answer["text"])

    async def post(self, message: str) -> httpx2.Response:
        return await self.http.post("/api/v4/posts", json={"channel_id": self.channel_id, "message": message})

    async def messages(self, channel_id: str) -> list[str]:
        """What is written in a channel, the newest first."""
        found = await self.ok("GET", f"/channels/{channel_id}/posts")
        return [found["posts"][post_id]["message"] for post_id in found["order"]]


@dataclass
class Workspace:
    """A served workspace with the two plugins."""

    url: str
    token: str
    """The administrator's."""

    def client(self, **headers: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)


@pytest.fixture(scope="module")
async def workspace(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workspace]:
    data = tmp_path_factory.mktemp("data")
    plugins = (EXAMPLES / "moderator", EXAMPLES / "todo")
    async with running(*plugins, "--data-dir", data, environment=WITH_WORKSPACE) as gateway:
        token = (data / "admin-token").read_text().strip()
        yield Workspace(f"http://127.0.0.1:{gateway.port}", token)


@pytest.fixture(scope="module")
async def admin(workspace: Workspace) -> AsyncIterator[Member]:
    async with workspace.client(authorization=f"Bearer {workspace.token}") as http:
        me = Member(http, (await http.get("/api/v4/users/me")).json()["id"], "", "")
        team = await me.ok("POST", "/teams", json={"name": "engines", "display_name": "Engines", "type": "O"})
        channel = await me.ok("GET", f"/teams/{team['id']}/channels/name/town-square")
        me.team_id, me.channel_id = team["id"], channel["id"]
        yield me


@pytest.fixture(scope="module")
async def ada(workspace: Workspace, admin: Member) -> AsyncIterator[Member]:
    account = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    user = await admin.ok("POST", "/users", json=account)
    await admin.ok("POST", f"/teams/{admin.team_id}/members", json={"team_id": admin.team_id, "user_id": user["id"]})
    async with workspace.client() as http:
        login = await http.post("/api/v4/users/login", json={"login_id": "ada", "password": PASSWORD})
        http.cookies.clear()
        http.headers["authorization"] = f"Bearer {login.headers['token']}"
        yield Member(http, user["id"], admin.team_id, admin.channel_id)


async def counted(member: Member) -> tuple[int, int]:
    """Posts refused and masked until now."""
    counters = (await member.http.get(MODERATOR)).json()
    return counters["refused"], counters["masked"]


async def test_both_commands_are_offered_while_one_types(ada: Member) -> None:
    offered = await ada.ok("GET", f"/teams/{ada.team_id}/commands/autocomplete")

    hints = {command["trigger"]: command["auto_complete_hint"] for command in offered if command["auto_complete"]}
    assert hints["moderate"] == "[refuse|mask|allow] [word]"
    assert hints["todo"] == "[text] or done [number]"


async def test_a_post_with_a_refused_word_is_answered_with_the_reason_and_counted(admin: Member, ada: Member) -> None:
    assert await admin.command("/moderate refuse Spam") == "Posts with “spam” are refused."
    refused, masked = await counted(ada)

    answer = await ada.post("Cheap SPAM here")

    assert (answer.status_code, answer.json()["message"]) == (400, '"SPAM" is not welcome here.')
    assert "Cheap SPAM here" not in await ada.messages(ada.channel_id)
    assert (await ada.post("Spamalot is a musical")).status_code == 201
    assert await counted(ada) == (refused + 1, masked)

    assert await admin.command("/moderate allow spam") == "All words are allowed."
    assert (await ada.post("Cheap SPAM here")).status_code == 201


async def test_a_masked_word_is_hidden_in_posts_and_in_edits(admin: Member, ada: Member) -> None:
    assert await admin.command("/moderate mask darn") == "“darn” is masked."
    refused, masked = await counted(ada)

    post = (await ada.post("Darn it, darned socks")).json()
    assert post["message"] == "•••• it, darned socks"

    await ada.ok("PUT", f"/posts/{post['id']}/patch", json={"message": "darn, again"})
    assert (await ada.messages(ada.channel_id))[0] == "••••, again"
    assert await counted(ada) == (refused, masked + 2)
    await admin.command("/moderate allow darn")


async def test_only_administrators_make_rules(ada: Member) -> None:
    assert await ada.command("/moderate refuse everything") == "Only administrators make rules."
    assert await ada.command("/moderate") == "All words are allowed."
    for malformed in ("/moderate refuse", "/moderate refuse two words", "/moderate praise ada", "/moderate mask c++"):
        assert (await ada.command(malformed)).startswith("Type `/moderate refuse WORD`")


async def test_rules_and_posts_that_come_side_by_side_are_all_counted(admin: Member, ada: Member) -> None:
    words = [f"word{number}" for number in range(8)]
    await asyncio.gather(*(admin.command(f"/moderate mask {word}") for word in words))
    _, masked = await counted(ada)

    posts = await asyncio.gather(*(ada.post(word) for word in words))

    assert {post.json()["message"] for post in posts} == {"•••••"}
    assert (await counted(ada))[1] == masked + len(words)
    await asyncio.gather(*(admin.command(f"/moderate allow {word}") for word in words))
    assert await admin.command("/moderate") == "All words are allowed."


async def test_a_browser_sees_the_counters_on_a_page(admin: Member) -> None:
    await admin.command("/moderate mask heck")

    page = await admin.http.get(MODERATOR, headers=HTML)

    refused, masked = await counted(admin)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<dt>Posts refused</dt><dd>{refused}</dd>" in page.text
    assert f"<dt>Posts masked</dt><dd>{masked}</dd>" in page.text
    assert "“heck” is masked." in page.text
    await admin.command("/moderate allow heck")


async def test_a_todo_is_written_down_by_command_and_crossed_out_on_the_page(ada: Member) -> None:
    assert await ada.command("/todo") == "Nothing is to do."
    assert await ada.command("/todo   buy  milk ") == "1. buy milk"
    assert await ada.command("/todo done waiting for tea") == "1. buy milk\n2. done waiting for tea"

    shown = await ada.http.get(TODO)
    assert "<span>1. buy milk</span>" in shown.text
    left = await ada.http.post(TODO, data={"done": "1"})
    assert "buy milk" not in left.text
    assert await ada.command("/todo done 2") == "Nothing is to do."
    assert await ada.command("/todo done 2") == "Nothing is to do."


async def test_the_bot_tells_what_has_changed(admin: Member) -> None:
    (number,) = (await admin.command("/todo write to ada")).split(".")[:1]
    await admin.command(f"/todo done {number}")

    bot = await admin.ok("GET", "/users/username/todo")
    channel = await admin.ok("POST", "/channels/direct", json=[admin.user_id, bot["id"]])
    assert bot["is_bot"] is True
    told = (await admin.messages(channel["id"]))[:2]
    assert told == [f"{number}. ~~write to ada~~", f"{number}. write to ada"]


async def test_of_what_is_written_side_by_side_nothing_is_lost(ada: Member) -> None:
    texts = {f"errand {number}" for number in range(10)}
    by_command = [ada.command(f"/todo {text}") for text in sorted(texts)[:5]]
    by_page = [ada.http.post(TODO, data={"text": text}) for text in sorted(texts)[5:]]

    await asyncio.gather(*by_command, *by_page)

    listed = [line.split(". ") for line in (await ada.command("/todo")).splitlines()]
    assert {text for _, text in listed} == texts
    assert len({number for number, _ in listed}) == len(texts)
    await asyncio.gather(*(ada.command(f"/todo done {number}") for number, _ in listed))
    assert await ada.command("/todo") == "Nothing is to do."


async def test_what_is_to_do_is_shown_as_text_and_to_nobody_else(ada: Member, admin: Member) -> None:
    shown = await ada.http.post(TODO, data={"text": "<script>alert(1)</script>"})
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown.text
    assert "<script>" not in shown.text
    assert "alert" not in (await admin.http.get(TODO)).text
    assert "alert" not in await admin.command("/todo")


async def test_without_a_login_there_is_no_list(workspace: Workspace) -> None:
    async with workspace.client() as nobody:
        answers = [await nobody.get(TODO), await nobody.post(TODO, data={"text": "x"})]
        forged = await nobody.get(TODO, headers={"mattermost-user-id": "a" * 26})
        by_link = await nobody.get(TODO, params={"access_token": workspace.token})

    assert [answer.status_code for answer in (*answers, forged, by_link)] == [401, 401, 401, 200]


async def test_a_browser_without_a_login_is_sent_to_one_and_comes_back(workspace: Workspace, ada: Member) -> None:
    async with workspace.client(accept="text/html,*/*;q=0.8") as browser:
        page = await browser.get(f"{TODO}?from=mail", follow_redirects=True)
        assert page.url.path == "/login"
        fields = dict(re.findall(r'name="(csrf|redirect_to)" value="([^"]*)"', page.text))
        form = {"login_id": "ada", "password": PASSWORD, **fields}
        back = await browser.post(str(page.url), data=form, follow_redirects=True)

    assert (back.status_code, back.url.path, back.url.query) == (200, TODO, b"from=mail")
    assert "<h1>Todo</h1>" in back.text


async def test_a_browsers_login_counts_only_with_the_forms_own_token(workspace: Workspace, ada: Member) -> None:
    login = {"login_id": "ada", "password": PASSWORD}
    async with workspace.client() as browser:
        await browser.post("/api/v4/users/login", json=login, headers={"x-requested-with": "XMLHttpRequest"})
        csrf = browser.cookies["MMCSRF"]
        page = await browser.get(TODO)
        forged = await browser.post(TODO, data={"text": "from elsewhere"})
        own = await browser.post(TODO, data={"text": "from the page", "csrf": csrf})

    assert f'name="csrf" value="{csrf}"' in page.text
    assert (forged.status_code, own.status_code) == (401, 200)
    assert "from the page" in await ada.command("/todo")
    assert "from elsewhere" not in await ada.command("/todo")


async def test_a_form_with_nothing_in_it_is_refused(ada: Member) -> None:
    answer = await ada.http.post(TODO, data={"colour": "blue"})

    assert (answer.status_code, answer.text) == (400, "The form has neither a text nor what is done.")
