"""Posts: what they may be, who is asked and told, and what an edit leaves behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.models import Channel, Post, PostMetadata, PostPriority, User
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.hooks import Refused
from servehttp.workspace.hooks.verdicts import DISMISS
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, FakePlugin, a_channel, a_post, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def news(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


async def test_a_post_gets_an_id_times_and_its_hashtags(ws: Workspace, clock: Clock, news: Channel, ada: User) -> None:
    post = await a_post(ws, news, ada, "#One, `#code` and #two-b #1st #ab", delete_at=5, edit_at=5, props={"a": [1]})
    assert is_id(post.id)
    assert (post.create_at, post.update_at, post.edit_at, post.delete_at) == (clock(), clock(), 0, 0)
    assert (post.hashtags, post.props) == ("#One #two-b", {"a": [1]})
    assert await ws.posts.get(post.id) == post


async def test_posts_of_one_moment_keep_their_order(ws: Workspace, news: Channel, ada: User) -> None:
    posts = [await a_post(ws, news, ada) for _ in range(3)]
    assert [post.create_at - posts[0].create_at for post in posts] == [0, 1, 2]


async def test_posts_that_come_side_by_side_are_all_counted(ws: Workspace, news: Channel, ada: User) -> None:
    root = await a_post(ws, news, ada)
    posts = await asyncio.gather(*(a_post(ws, news, ada, root_id=root.id) for _ in range(20)))
    assert sorted(post.reply_count for post in posts) == list(range(1, 21))
    assert len({post.create_at for post in posts}) == 20
    assert (await ws.posts.get(root.id)).reply_count == 20
    assert (await ws.channels.get(news.id)).total_msg_count == 21


async def test_what_a_post_may_be(ws: Workspace, news: Channel, ada: User) -> None:
    assert (await a_post(ws, news, ada, "ü" * 16383)).message == "ü" * 16383
    too_much: dict[str, dict[str, Any]] = {
        "message_length": {"message": "x" * 16384},
        "props": {"props": {"x": "x" * 800_000}},
        "file_ids": {"file_ids": [new_id() for _ in range(11)]},
        "type": {"type": "unheard_of"},
        "user_id": {"user_id": "nobody"},
    }
    for field, values in too_much.items():
        with pytest.raises(AppFailure) as refused:
            await ws.posts.create(replace(Post(channel_id=news.id, user_id=ada.id), **values))
        assert (refused.value.id, refused.value.status) == (f"model.post.is_valid.{field}.app_error", 400)


async def test_a_reply_needs_a_thread_of_its_channel(ws: Workspace, news: Channel, ada: User) -> None:
    root = await a_post(ws, news, ada)
    reply = await a_post(ws, news, ada, root_id=root.id)
    elsewhere = await a_post(ws, await a_channel(ws, ada, name="other"), ada)
    reasons = {new_id(): "root_id", reply.id: "root_id", elsewhere.id: "channel_root_id"}
    for root_id, reason in reasons.items():
        with pytest.raises(AppFailure) as refused:
            await a_post(ws, news, ada, root_id=root_id)
        assert refused.value.id == f"api.post.create_post.{reason}.app_error"


async def test_nothing_is_written_edited_or_deleted_in_an_archived_channel(
    ws: Workspace, news: Channel, ada: User
) -> None:
    post = await a_post(ws, news, ada)
    await ws.channels.delete(news.id)
    attempts = {
        "create_post.can_not_post_to_deleted": a_post(ws, news, ada),
        "update_post.can_not_update_post_in_deleted": ws.posts.update(replace(post, message="x")),
        "delete_post.can_not_delete_post_in_deleted": ws.posts.delete(post.id),
    }
    for reason, attempt in attempts.items():
        with pytest.raises(AppFailure) as refused:
            await attempt
        assert (refused.value.id, refused.value.status) == (f"api.post.{reason}.error", 400)


async def test_a_post_that_is_sent_twice_is_there_once(ws: Workspace, clock: Clock, news: Channel, ada: User) -> None:
    first, second = await asyncio.gather(*(a_post(ws, news, ada, pending_post_id="p") for _ in range(2)))
    await ws.posts.update(replace(first, message="edited"))
    third = await a_post(ws, news, ada, pending_post_id="p")
    assert first.id == second.id == third.id
    assert len((await ws.post_lists.page(news.id, 0, 60)).order) == 1
    bob = await a_user(ws, "bob")
    assert (await a_post(ws, news, bob, pending_post_id="p")).id != first.id
    clock.advance(seconds=31)
    assert (await a_post(ws, news, ada, pending_post_id="p")).id != first.id


async def test_a_bots_post_says_so(ws: Workspace, news: Channel) -> None:
    bot = await ws.users.create(User(username="bot", email="bot@example.com", is_bot=True))
    assert (await a_post(ws, news, bot)).props == {"from_bot": "true"}


async def test_a_new_post_is_counted_in_its_channel_and_for_those_it_mentions(
    ws: Workspace, news: Channel, ada: User
) -> None:
    bob, eve = await a_user(ws, "bob"), await a_user(ws, "eve")
    for user in (bob, eve):
        await ws.team_members.add(news.team_id, user.id)
        await ws.channel_members.add(news.id, user.id)
    root = await a_post(ws, news, ada, "hello @bob.")
    reply = await a_post(ws, news, ada, "`@eve` @channelx", root_id=root.id)
    channel = await ws.channels.get(news.id)
    assert (channel.total_msg_count, channel.total_msg_count_root) == (2, 1)
    assert (channel.last_post_at, channel.last_root_post_at) == (reply.create_at, root.create_at)
    unread = {user.username: await ws.unreads.of_channel(news.id, user.id) for user in (ada, bob, eve)}
    assert {name: (each.msg_count, each.mention_count) for name, each in unread.items()} == {
        "ada": (0, 0), "bob": (2, 1), "eve": (2, 0)
    }  # fmt: skip
    await a_post(ws, news, ada, "dear @all")
    assert (await ws.unreads.of_channel(news.id, eve.id)).mention_count == 1


async def test_clients_hear_of_a_new_post_and_its_place(ws: Workspace, news: Channel, ada: User) -> None:
    bob = await a_user(ws, "bob")
    direct = await ws.direct_channels.direct(ada.id, bob.id)
    events = ws.events.subscribe(lambda event: event.name == "posted")
    image = await ws.files.upload_bytes(direct.id, "x.png", plain_image("x"), ada.id)
    post = await a_post(ws, direct, ada, pending_post_id="p", file_ids=[image.id])
    event = await anext(events)
    assert event.broadcast.channel_id == direct.id
    assert {name: value for name, value in event.data.items() if name != "post"} == {
        "channel_display_name": "", "channel_name": direct.name, "channel_type": "D", "sender_name": "@ada",
        "team_id": "", "set_online": True, "mentions": f'["{bob.id}"]', "otherFile": "true", "image": "true",
    }  # fmt: skip
    assert replace(event.data["post"], metadata=None) == post
    assert post.pending_post_id == "p"


async def test_an_edit_keeps_the_earlier_versions(ws: Workspace, clock: Clock, news: Channel, ada: User) -> None:
    post = await a_post(ws, news, ada, "one")
    for text in ("two #tag", "three"):
        clock.advance(seconds=1)
        edited = await ws.posts.update(replace(post, message=text))
    assert (edited.edit_at, edited.update_at, edited.hashtags) == (clock(), clock(), "")
    history = await ws.posts.history(post.id)
    assert [version.message for version in history] == ["two #tag", "one"]
    assert {version.original_id for version in history} == {post.id}
    assert (await ws.post_lists.page(news.id, 0, 60)).order == [post.id]
    with pytest.raises(AppFailure) as missing:
        await ws.posts.history((await a_post(ws, news, ada)).id)
    assert missing.value.status == 404


async def test_an_unchanged_post_is_not_edited_and_a_pinned_one_only_changed(
    ws: Workspace, clock: Clock, news: Channel, ada: User
) -> None:
    post = await a_post(ws, news, ada)
    clock.advance(seconds=1)
    events = ws.events.subscribe()
    assert await ws.posts.update(post) == post == await ws.posts.get(post.id)
    assert events.waiting == 0
    pinned = await ws.posts.set_pinned(post.id, True)
    assert (pinned.is_pinned, pinned.edit_at, pinned.update_at) == (True, 0, clock())
    assert (await anext(events)).name == "post_edited"
    assert (await ws.post_lists.pinned(news.id)).order == [post.id]


async def test_an_edit_changes_neither_author_nor_place(ws: Workspace, news: Channel, ada: User) -> None:
    post = await a_post(ws, news, ada)
    edited = await ws.posts.update(replace(post, message="x", user_id=new_id(), channel_id=new_id(), create_at=1))
    assert (edited.user_id, edited.channel_id, edited.create_at) == (ada.id, news.id, post.create_at)


async def test_the_servers_posts_are_not_edited(ws: Workspace, news: Channel, ada: User) -> None:
    post = await a_post(ws, news, ada, type="system_generic")
    with pytest.raises(AppFailure) as refused:
        await ws.posts.update(replace(post, message="x"))
    assert refused.value.id == "api.post.update_post.system_message.app_error"


async def test_deleting_the_first_post_of_a_thread_deletes_the_thread(ws: Workspace, news: Channel, ada: User) -> None:
    root = await a_post(ws, news, ada)
    reply = await a_post(ws, news, ada, root_id=root.id)
    events = ws.events.subscribe()
    await ws.posts.delete(root.id, ada.id)
    event = await anext(events)
    assert (event.name, event.data["delete_by"], event.data["post"].id) == ("post_deleted", ada.id, root.id)
    for post_id in (root.id, reply.id):
        with pytest.raises(AppFailure):
            await ws.posts.get(post_id)
        assert (await ws.posts.get(post_id, include_deleted=True)).delete_at


async def test_plugins_change_and_refuse_posts(ws: Workspace, news: Channel, ada: User) -> None:
    def judge(request: pb.MessageWillBePostedRequest) -> pb.MessageWillBePostedResponse:
        if request.post.message in ("bad", DISMISS):
            return pb.MessageWillBePostedResponse(rejection_reason=request.post.message)
        changed = Post.from_proto(request.post)
        return pb.MessageWillBePostedResponse(
            modified_post=replace(changed, message="#seen", id="x", pending_post_id="").to_proto()
        )

    ws.hooks.register("a", FakePlugin({"MessageWillBePosted": judge}))
    post = await a_post(ws, news, ada, pending_post_id="p")
    assert (post.message, post.hashtags, post.pending_post_id) == ("#seen", "#seen", "p")
    assert is_id(post.id)
    with pytest.raises(Refused) as refused:
        await a_post(ws, news, ada, "bad")
    assert (refused.value.status, refused.value.message) == (400, "bad")
    with pytest.raises(Refused) as dismissed:
        await a_post(ws, news, ada, DISMISS)
    assert dismissed.value.id == DISMISS
    assert (await ws.post_lists.page(news.id, 0, 60)).order == [post.id]


async def test_plugins_change_and_refuse_edits(ws: Workspace, news: Channel, ada: User) -> None:
    def judge(request: pb.MessageWillBeUpdatedRequest) -> pb.MessageWillBeUpdatedResponse:
        if request.new_post.message == "bad":
            return pb.MessageWillBeUpdatedResponse(rejection_reason="no")
        old, new = request.old_post.message, request.new_post.message
        request.new_post.message = f"{old} -> {new}"
        return pb.MessageWillBeUpdatedResponse(modified_post=request.new_post)

    ws.hooks.register("a", FakePlugin({"MessageWillBeUpdated": judge}))
    post = await a_post(ws, news, ada, "one")
    assert (await ws.posts.update(replace(post, message="two"))).message == "one -> two"
    with pytest.raises(Refused):
        await ws.posts.update(replace(post, message="bad"))
    assert (await ws.posts.get(post.id)).message == "one -> two"


async def test_plugins_are_told_of_what_happened(ws: Workspace, news: Channel, ada: User) -> None:
    plugin = FakePlugin({
        "MessageHasBeenPosted": pb.MessageHasBeenPostedResponse(),
        "MessageHasBeenUpdated": pb.MessageHasBeenUpdatedResponse(),
        "MessageHasBeenDeleted": pb.MessageHasBeenDeletedResponse(),
    })  # fmt: skip
    ws.hooks.register("a", plugin)
    post = await a_post(ws, news, ada, "one")
    await ws.posts.update(post)
    await ws.hooks.settled()
    await ws.posts.update(replace(post, message="two"))
    await ws.hooks.settled()
    await ws.posts.delete(post.id)
    await ws.hooks.settled()
    names, requests = zip(*plugin.asked, strict=True)
    assert names == ("MessageHasBeenPosted", "MessageHasBeenUpdated", "MessageHasBeenDeleted")
    assert (requests[1].old_post.message, requests[1].new_post.message) == ("one", "two")
    assert requests[2].post.delete_at


async def test_clients_see_what_plugins_let_them_see(ws: Workspace, news: Channel, ada: User) -> None:
    def consume(request: pb.MessagesWillBeConsumedRequest) -> pb.MessagesWillBeConsumedResponse:
        shown = [post for post in request.posts if post.message != "secret"]
        for post in shown:
            post.message = post.message.upper()
        return pb.MessagesWillBeConsumedResponse(posts=shown)

    ws.hooks.register("a", FakePlugin({"MessagesWillBeConsumed": consume}))
    events = ws.events.subscribe(lambda event: event.name == "posted")
    await a_post(ws, news, ada, "secret")
    shown = await a_post(ws, news, ada, "hello")
    assert (await anext(events)).data["post"].message == "HELLO"
    assert events.waiting == 0
    listed = await ws.post_views.of_list(await ws.post_lists.page(news.id, 0, 60))
    assert (listed.order, listed.posts[shown.id].message) == ([shown.id], "HELLO")
    assert (await ws.posts.get(shown.id)).message == "hello"


async def test_clients_see_a_posts_files_reactions_and_priority(ws: Workspace, news: Channel, ada: User) -> None:
    info = await ws.files.upload_bytes(news.id, "x.txt", b"x", ada.id)
    urgent = PostMetadata(priority=PostPriority("urgent", True, False))
    post = await a_post(ws, news, ada, file_ids=[info.id], metadata=urgent)
    [shown] = await ws.post_views.of([await ws.posts.get(post.id)])
    assert shown.metadata is not None
    assert (shown.metadata.priority, shown.metadata.reactions) == (urgent.priority, [])
    assert [file.id for file in shown.metadata.files] == [info.id]
