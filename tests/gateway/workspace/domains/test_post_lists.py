"""Lists of posts: pages, what is next to them, changes since a time, threads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin.models import Channel, Post, User
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import new_id
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, a_channel, a_post, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def news(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


async def some(ws: Workspace, channel: Channel, author: User, count: int) -> list[Post]:
    return [await a_post(ws, channel, author, str(number)) for number in range(count)]


async def test_a_page_names_the_posts_next_to_it(ws: Workspace, news: Channel, ada: User) -> None:
    ids = [post.id for post in await some(ws, news, ada, 5)]
    pages = [await ws.post_lists.page(news.id, page, 2) for page in range(4)]
    assert [page.order for page in pages] == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]], []]
    assert [page.prev_post_id for page in pages] == [ids[2], ids[0], "", ""]
    assert [page.next_post_id for page in pages] == ["", ids[3], ids[1], ""]


async def test_pages_around_a_post_leave_it_out(ws: Workspace, news: Channel, ada: User) -> None:
    ids = [post.id for post in await some(ws, news, ada, 6)]
    after = [await ws.post_lists.after(news.id, ids[1], page, 3) for page in range(2)]
    assert [page.order for page in after] == [[ids[4], ids[3], ids[2]], [ids[5]]]
    assert [page.next_post_id for page in after] == [ids[5], ""]
    before = await ws.post_lists.before(news.id, ids[4], 0, 3)
    assert (before.order, before.prev_post_id, before.next_post_id) == ([ids[3], ids[2], ids[1]], ids[0], ids[4])
    assert (await ws.post_lists.before(news.id, new_id(), 0, 3)).order == []


async def test_posts_of_the_same_time_are_on_one_page_each(ws: Workspace, news: Channel, ada: User) -> None:
    posts = {(await a_post(ws, news, ada, create_at=1000)).id for _ in range(5)}
    pages = [await ws.post_lists.page(news.id, page, 2) for page in range(3)]
    assert {id for page in pages for id in page.order} == posts
    first = pages[0].order[0]
    assert set((await ws.post_lists.before(news.id, first, 0, 60)).order) == posts - {first}
    assert (await ws.post_lists.after(news.id, first, 0, 60)).order == []


async def test_a_post_of_long_ago_is_not_the_channels_latest(ws: Workspace, news: Channel, ada: User) -> None:
    latest = await a_post(ws, news, ada)
    old = await a_post(ws, news, ada, create_at=1000)
    assert (await ws.post_lists.page(news.id, 0, 60)).order == [latest.id, old.id]
    channel = await ws.channels.get(news.id)
    assert (channel.last_post_at, channel.last_root_post_at) == (latest.create_at, latest.create_at)


async def test_a_page_is_limited(ws: Workspace, news: Channel) -> None:
    for page, per_page in ((-1, 60), (0, -1), (0, 1001)):
        with pytest.raises(AppFailure) as refused:
            await ws.post_lists.page(news.id, page, per_page)
        assert (refused.value.status, refused.value.id) == (400, "app.post.get_posts.app_error")


async def test_what_changed_since_a_time_holds_edits_deletions_and_answered_posts(
    ws: Workspace, clock: Clock, news: Channel, ada: User
) -> None:
    edited, deleted, answered, untouched = await some(ws, news, ada, 4)
    clock.advance(seconds=1)
    time = clock()
    clock.advance(seconds=1)
    await ws.posts.update(replace(edited, message="x"))
    await ws.posts.delete(deleted.id)
    reply = await a_post(ws, news, ada, root_id=answered.id)
    found = await ws.post_lists.since(news.id, time)
    assert found.order == [reply.id, answered.id, deleted.id, edited.id]
    assert found.posts[deleted.id].delete_at
    assert untouched.id not in found.posts
    assert (found.next_post_id, found.prev_post_id) == ("", "")


async def test_replies_bring_their_threads_along(ws: Workspace, news: Channel, ada: User) -> None:
    root = await a_post(ws, news, ada)
    first = await a_post(ws, news, ada, root_id=root.id)
    last = await a_post(ws, news, ada, root_id=root.id)
    page = await ws.post_lists.page(news.id, 0, 1)
    assert (page.order, set(page.posts)) == ([last.id], {root.id, first.id, last.id})
    assert set((await ws.post_lists.page(news.id, 0, 1, threads=False)).posts) == {last.id}


async def test_a_thread_counts_its_replies_and_who_wrote_them(ws: Workspace, news: Channel, ada: User) -> None:
    bob = await a_user(ws, "bob")
    root = await a_post(ws, news, ada)
    replies = [await a_post(ws, news, author, root_id=root.id) for author in (bob, ada, bob)]
    assert [reply.reply_count for reply in replies] == [1, 2, 3]
    assert await ws.threads.participants(root.id) == [ada.id, bob.id]
    await ws.posts.delete(replies[2].id)
    thread = await ws.post_lists.thread(replies[0].id)
    assert thread.order == [replies[1].id, replies[0].id, root.id]
    assert (thread.posts[root.id].reply_count, thread.posts[root.id].last_reply_at) == (2, replies[1].create_at)
    assert await ws.threads.participants(root.id) == [bob.id, ada.id]
    for reply in replies[:2]:
        await ws.posts.delete(reply.id)
    assert (await ws.posts.get(root.id)).reply_count == 0


async def test_posts_are_found_by_their_ids(ws: Workspace, news: Channel, ada: User) -> None:
    first, second, gone = await some(ws, news, ada, 3)
    await ws.posts.delete(gone.id)
    assert await ws.post_lists.by_ids([first.id, gone.id, second.id, "x"]) == [second, first]
