"""Posts, reactions and emoji as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError, ValidationError
from mattermost_plugin.models import Channel, Post, Reaction, SearchParams, User
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, a_channel, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def news(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


async def say(api: AsyncPluginAPIClient, channel: Channel, author: User, message: str, root_id: str = "") -> Post:
    return await api.create_post(Post(channel_id=channel.id, user_id=author.id, message=message, root_id=root_id))


async def test_a_post_is_written_edited_read_and_deleted(api: AsyncPluginAPIClient, news: Channel, ada: User) -> None:
    post = await say(api, news, ada, "hello #world")
    assert (post.hashtags, post.props) == ("#world", {"from_plugin": "true"})
    assert await api.get_post(post.id) == post
    edited = await api.update_post(replace(post, message="good bye"))
    assert edited == await api.get_post(post.id)
    assert (edited.message, edited.edit_at > 0) == ("good bye", True)
    await api.delete_post(post.id)
    for call in (api.get_post(post.id), api.delete_post(post.id), api.update_post(post), api.get_post_thread(post.id)):
        with pytest.raises(NotFoundError):
            await call


async def test_a_post_into_a_channel_that_does_not_exist_is_refused(api: AsyncPluginAPIClient, ada: User) -> None:
    with pytest.raises(NotFoundError) as missing:
        await say(api, Channel(id="c" * 26), ada, "hello")
    assert missing.value.error_id == "app.channel.get.existing.app_error"
    with pytest.raises(ValidationError):
        await say(api, Channel(id="no id"), ada, "hello")


async def test_posts_come_by_pages_from_around_a_post_and_since_a_time(
    api: AsyncPluginAPIClient, news: Channel, ada: User
) -> None:
    posts = [await say(api, news, ada, str(number)) for number in range(5)]
    ids = [post.id for post in posts]
    assert (await api.get_posts_for_channel(news.id, page=0, per_page=2)).order == [ids[4], ids[3]]
    assert (await api.get_posts_before(news.id, ids[3], page=1, per_page=2)).order == [ids[0]]
    assert (await api.get_posts_after(news.id, ids[0], page=0, per_page=2)).order == [ids[2], ids[1]]
    assert (await api.get_posts_since(news.id, posts[2].update_at)).order == [ids[4], ids[3]]


async def test_a_thread_holds_the_first_post_and_its_replies(
    api: AsyncPluginAPIClient, news: Channel, ada: User
) -> None:
    root = await say(api, news, ada, "question")
    reply = await say(api, news, ada, "answer", root.id)
    for post_id in (root.id, reply.id):
        thread = await api.get_post_thread(post_id)
        assert thread.order == [reply.id, root.id]
        assert [thread.posts[id].reply_count for id in thread.order] == [1, 1]
    assert thread.posts[root.id].last_reply_at == reply.create_at


async def test_ephemeral_posts_are_events_for_one_user(
    api: AsyncPluginAPIClient, ws: Workspace, news: Channel, ada: User
) -> None:
    events = ws.events.subscribe(lambda event: event.broadcast.user_id == ada.id)
    post = await api.send_ephemeral_post(ada.id, Post(channel_id=news.id, message="psst"))
    await api.update_ephemeral_post(ada.id, replace(post, message="never mind"))
    await api.delete_ephemeral_post(ada.id, post.id)
    told = [await anext(events) for _ in range(3)]
    assert [event.name for event in told] == ["ephemeral_message", "post_edited", "post_deleted"]
    assert [event.data["post"].message for event in told] == ["psst", "never mind", ""]
    assert {(event.data["post"].id, event.data["post"].type) for event in told} == {(post.id, "system_ephemeral")}
    assert (await api.get_posts_for_channel(news.id)).order == []


async def test_posts_are_found_by_their_words(
    api: AsyncPluginAPIClient, ws: Workspace, clock: Clock, news: Channel, ada: User
) -> None:
    other = await a_channel(ws, name="other")
    mine = await say(api, news, ada, "the quick brown fox")
    clock.advance(seconds=1)
    hidden = await say(api, other, ada, "a quick hare")
    assert (await api.search_posts_in_team(news.team_id, "QUICK")).order == [hidden.id, mine.id]
    found = await api.search_posts_in_team(news.team_id, [SearchParams(terms="quick", in_channels=["news"])])
    assert found.order == [mine.id]
    results = await api.search_posts_in_team_for_user(news.team_id, ada.id, "quick from:ada")
    assert (results.order, results.posts[mine.id].message) == ([mine.id], "the quick brown fox")


async def test_reactions_are_added_listed_and_taken_back(api: AsyncPluginAPIClient, news: Channel, ada: User) -> None:
    post = await say(api, news, ada, "hello")
    reaction = await api.add_reaction(Reaction(user_id=ada.id, post_id=post.id, emoji_name="+1"))
    assert await api.get_reactions(post.id) == [reaction]
    assert (await api.get_post(post.id)).has_reactions
    await api.remove_reaction(reaction)
    assert await api.get_reactions(post.id) == []
    assert not (await api.get_post(post.id)).has_reactions
    with pytest.raises(ValidationError):
        await api.add_reaction(Reaction(user_id=ada.id, post_id=post.id, emoji_name="not a name"))


async def test_custom_emoji_are_listed_and_shown(api: AsyncPluginAPIClient, ws: Workspace, ada: User) -> None:
    made = [await ws.emoji.create(name, plain_image(name), ada.id) for name in ("zebra", "ape")]
    assert await api.get_emoji_list(sort="name") == [made[1], made[0]]
    assert await api.get_emoji_list(sort="name", page=1, per_page=1) == [made[0]]
    assert await api.get_emoji(made[0].id) == await api.get_emoji_by_name("zebra") == made[0]
    assert await api.get_emoji_image(made[0].id) == plain_image("zebra")
    for missing in (api.get_emoji("x"), api.get_emoji_by_name("x"), api.get_emoji_image("x")):
        with pytest.raises(NotFoundError):
            await missing
