"""What one request may ask for: lengths, counts, and the work for each of what it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from mattermost_plugin.models import Channel, SearchParameter, SearchParams
from servehttp.workspace.domains.posts.search_terms import stated, typed
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import new_id
from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.workspaces import a_channel, a_user

pytestmark = pytest.mark.anyio

TOO_MANY_WORDS = "word " * 40
TOO_LONG = "w" * 2000


@pytest.fixture
async def channel(ws: Workspace, ada: Client) -> Channel:
    channel = await a_channel(ws, ada.user)
    await ws.team_members.set_roles(channel.team_id, ada.user.id, "team_user team_admin")
    return channel


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


# Searches

SEARCHES = [
    ("POST", "/users/search", "term"),
    ("GET", "/users/autocomplete", "name"),
    ("POST", "/teams/search", "term"),
    ("POST", "/teams/{team}/posts/search", "terms"),
    ("POST", "/teams/{team}/channels/search", "term"),
    ("GET", "/teams/{team}/channels/autocomplete", "name"),
    ("POST", "/emoji/search", "term"),
    ("GET", "/emoji/autocomplete", "name"),
]


@pytest.mark.parametrize("term", [TOO_MANY_WORDS, TOO_LONG, "a.b" * 40], ids=["words", "length", "one token"])
@pytest.mark.parametrize(("method", "path", "name"), SEARCHES, ids=lambda it: it)
async def test_a_search_for_too_much_is_refused_before_the_database_is_asked(
    method: str, path: str, name: str, term: str, ada: Client, channel: Channel
) -> None:
    options = {"json": {name: term, "is_or_search": False}} if method == "POST" else {"params": {name: term}}
    with counted() as statements:
        response = await ada(method, path.format(team=channel.team_id), **options)
    assert response.status_code == 400, response.text
    assert response.json()["id"] == "api.search.too_long.app_error"
    assert not [statement for statement in statements if "LIKE" in statement or "post_words" in statement]


@pytest.mark.parametrize("modifier", ["on", "before", "after", "-on", "-before", "-after"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1969-12-31"])
@pytest.mark.parametrize("offset", [0, 3600, -3600])
def test_a_day_that_posts_cannot_be_of_is_refused(modifier: str, day: str, offset: int) -> None:
    with pytest.raises(AppFailure) as refused:
        typed(SearchParameter(terms=f"{modifier}:{day}", time_zone_offset=offset))
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "search",
    [
        SearchParams(terms="a", from_users=["x"] * 101),
        SearchParams(terms="a", excluded_dates=["0001-01-01"]),
        SearchParams(terms=TOO_MANY_WORDS),
        SearchParams(terms="a", time_zone_offset=10**12),
    ],
    ids=["people", "day", "words", "offset"],
)
def test_a_plugins_search_has_the_same_bounds(search: SearchParams) -> None:
    with pytest.raises(AppFailure) as refused:
        stated(search)
    assert refused.value.status == 400


# Lists

LISTS = [
    ("/users/ids", 1000),
    ("/users/usernames", 1000),
    ("/users/status/ids", 1000),
    ("/posts/ids", 1000),
    ("/emoji/names", 1000),
    ("/teams/{team}/members/ids", 1000),
    ("/channels/{channel}/members/ids", 1000),
    ("/teams/{team}/channels/ids", 200),
]


@pytest.mark.parametrize(("path", "most"), LISTS, ids=[path for path, _ in LISTS])
async def test_more_than_a_route_takes_is_refused_and_all_it_takes_is_read_at_once(
    path: str, most: int, ada: Client, channel: Channel
) -> None:
    address = path.format(team=channel.team_id, channel=channel.id)
    counts = []
    for count in (1, most):
        with counted() as statements:
            response = await ada("POST", address, json=[new_id() for _ in range(count)])
        assert response.status_code in (200, 404), response.text
        counts.append(len(statements))
    assert counts[0] == counts[1]
    response = await ada("POST", address, json=[new_id() for _ in range(most + 1)])
    assert response.status_code == 400, response.text


@pytest.mark.parametrize("graceful", ["", "?graceful=true"])
async def test_members_who_do_not_exist_never_take_the_writers_turn(
    graceful: str, ada: Client, channel: Channel
) -> None:
    address = f"/teams/{channel.team_id}/members/batch{graceful}"
    body = [{"team_id": channel.team_id, "user_id": new_id()} for _ in range(256)]
    with counted() as statements:
        response = await ada("POST", address, json=body)
    assert response.status_code == (201 if graceful else 404), response.text
    assert len(statements) < 20
    response = await ada("POST", address, json=[*body, body[0]])
    assert response.json()["id"] == "api.context.too_many.app_error"


async def test_members_of_a_channel_are_added_so_many_at_a_time(ada: Client, channel: Channel) -> None:
    body = {"user_ids": [new_id() for _ in range(257)]}
    response = await ada("POST", f"/channels/{channel.id}/members", json=body)
    assert response.json()["id"] == "api.context.too_many.app_error"


# What is kept of an account

KEPT = {"props": 4000, "notify_props": 2000, "timezone": 256}


@pytest.mark.parametrize(("name", "most"), KEPT.items(), ids=KEPT)
@pytest.mark.parametrize("many", [False, True], ids=["one long", "many"])
async def test_an_account_keeps_no_more_than_has_room(name: str, most: int, many: bool, ada: Client) -> None:
    values = {f"k{number}": "v" for number in range(most)} if many else {"mention_keys": "w," * most}
    response = await ada("PUT", f"/users/{ada.user.id}/patch", json={name: values})
    if response.status_code == 200:  # what cannot be patched is not kept either
        assert len(str(response.json().get(name, {}))) < most
    else:
        assert (response.status_code, response.json()["id"]) == (400, f"model.user.is_valid.{name}.app_error")


async def test_how_a_member_is_notified_has_short_values(ada: Client, channel: Channel) -> None:
    path = f"/channels/{channel.id}/members/{ada.user.id}/notify_props"
    response = await ada("PUT", path, json={"desktop_sound": "x" * 65})
    assert response.status_code == 400, response.text


async def test_a_mention_costs_the_same_whatever_its_readers_listen_for(ws: Workspace) -> None:
    """However many words each of them listens for, they are looked up among those of the post."""
    from servehttp.workspace.domains.posts.mentions import phrases

    spoken = phrases("we ship c++, (fast) foo-bar and a release  party today!")
    for key in ("ship", "c++", "fast", "foo", "bar", "foo-bar", "release party", "a release party today", "today"):
        assert key in spoken, key
    for key in ("shi", "arty", "we ship c++ fast foo-bar", "part"):
        assert key not in spoken, key
    words = 8000
    assert len(phrases("ab " * words)) < 10
    assert len(phrases(" ".join(map(str, range(words))))) < 5 * words
    await a_user(ws)
