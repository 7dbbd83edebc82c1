"""The search for posts: words, phrases, modifiers, and what is never found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mattermost_plugin.models import Channel, SearchParameter, SearchParams, User
from servehttp.workspace.domains.posts.search_terms import stated, typed
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, a_channel, a_post, a_user

pytestmark = pytest.mark.anyio

DAY = 86_400_000


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def news(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


async def found(ws: Workspace, user: User, terms: str, **more: Any) -> list[str]:
    search = typed(SearchParameter(terms=terms, **more))
    return [post.message for post in await ws.post_search.in_team_for(user.id, "", [search])]


async def test_all_words_have_to_be_there_in_any_case_and_order(ws: Workspace, news: Channel, ada: User) -> None:
    for text in ("The quick brown fox", "a quick, ÄRGERLICHE hare", "slow #Foxes"):
        await a_post(ws, news, ada, text)
    cases = {
        "FOX quick": ["The quick brown fox"],
        "ärgerliche": ["a quick, ÄRGERLICHE hare"],
        "fox*": ["slow #Foxes", "The quick brown fox"],
        "#foxes": ["slow #Foxes"],
        "foxes": ["slow #Foxes"],
        '"quick brown"': ["The quick brown fox"],
        '"brown quick"': [],
        "quick -fox": ["a quick, ÄRGERLICHE hare"],
        "fo": [],
        "": [],
        '!!! "?"': [],
        "fox ! -?": ["The quick brown fox"],
    }
    assert {terms: await found(ws, ada, terms) for terms in cases} == cases
    assert await found(ws, ada, "hare slow", is_or_search=True) == ["slow #Foxes", "a quick, ÄRGERLICHE hare"]


async def test_modifiers_say_where_who_and_when(ws: Workspace, clock: Clock, news: Channel, ada: User) -> None:
    bob, other = await a_user(ws, "bob"), await a_channel(ws, ada, name="other")
    day = clock() - clock() % DAY
    await a_post(ws, news, ada, "one word", create_at=day - 1)
    await a_post(ws, news, bob, "two word", create_at=day)
    await a_post(ws, other, ada, "three word", create_at=day + DAY)
    cases = {
        "word from:ada": ["three word", "one word"],
        "from: @bob": ["two word"],
        "word -from:bob in:~news": ["one word"],
        "word -in:news": ["three word"],
        "word on:2023-11-14": ["two word"],
        "word before:2023-11-14": ["one word"],
        "word after:2023-11-14": ["three word"],
        "word -on:2023-11-14": ["three word", "one word"],
        "word on:someday": ["three word", "two word", "one word"],
    }
    assert {terms: await found(ws, ada, terms) for terms in cases} == cases
    assert await found(ws, ada, "word before:2023-11-14", time_zone_offset=-3600) == ["two word", "one word"]


async def test_only_the_channels_of_the_user_are_searched_and_no_archived_ones(
    ws: Workspace, clock: Clock, news: Channel, ada: User
) -> None:
    bob = await a_user(ws, "bob")
    await a_post(ws, news, ada, "public word")
    clock.advance(seconds=1)
    await a_post(ws, await ws.direct_channels.direct(ada.id, bob.id), bob, "private word")
    assert await found(ws, ada, "word") == ["private word", "public word"]
    assert await found(ws, bob, "word") == ["private word"]
    await ws.channels.delete(news.id)
    assert await found(ws, ada, "word") == ["private word"]
    assert await found(ws, ada, "word", include_deleted_channels=True) == ["private word", "public word"]


async def test_what_is_deleted_edited_away_or_the_servers_is_not_found(ws: Workspace, news: Channel, ada: User) -> None:
    await ws.posts.delete((await a_post(ws, news, ada, "word")).id)
    edited = await a_post(ws, news, ada, "word")
    await ws.posts.update(replace(edited, message="other"))
    await a_post(ws, news, ada, "word", type="system_generic")
    assert await found(ws, ada, "word") == []
    assert await found(ws, ada, "other") == ["other"]


async def test_a_plugin_says_modifiers_by_fields_and_searches_side_by_side(
    ws: Workspace, clock: Clock, news: Channel, ada: User
) -> None:
    bob = await a_user(ws, "bob")
    for author, text in ((ada, "first word"), (bob, "second word"), (bob, "third thing")):
        await a_post(ws, news, author, text)
        clock.advance(seconds=1)
    searches = [SearchParams(terms="word", excluded_users=[ada.id]), SearchParams(terms="thing", from_users=["bob"])]
    posts = await ws.post_search.in_team(news.team_id, [stated(search) for search in searches])
    assert [post.message for post in posts] == ["third thing", "second word"]
    nothing = SearchParams(terms="word", excluded_dates=["2023-11-14"])
    assert await ws.post_search.in_team(news.team_id, [stated(nothing)]) == []
