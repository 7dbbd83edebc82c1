"""What remotes are given of shared channels, and how far they get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import Message

from mattermost_plugin.grpc import common_pb2
from mattermost_plugin.grpc import hooks_command_pb2 as pb
from mattermost_plugin.models import Channel, User
from servehttp.workspace.domains.sharing.channel_sync import ATTACHMENT, BATCH, PROFILE_IMAGE, SYNC
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, FakePlugin, a_channel, a_post, a_user

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.bridge"
ALL_TAKEN = pb.OnSharedChannelsSyncMsgResponse()


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def channel(ws: Workspace, ada: User, clock: Clock) -> Channel:
    """A channel that the plugin is a remote of."""
    channel = await a_channel(ws, ada)
    await join(ws, PLUGIN, channel, ada)
    clock.advance(seconds=1)
    return channel


async def join(ws: Workspace, plugin_id: str, channel: Channel, ada: User) -> str:
    remote_id = await ws.remotes.register(plugin_id, "")
    await ws.shared_channels.invite(channel.id, remote_id, ada.id, share=True)
    return remote_id


def bridge(ws: Workspace, plugin_id: str = PLUGIN, answers: Mapping[str, object] = {}) -> FakePlugin:
    plugin = FakePlugin({SYNC: ALL_TAKEN, **answers})
    ws.hooks.register(plugin_id, plugin)
    return plugin


def given(plugin: FakePlugin) -> list[dict[str, Any]]:
    """The batches that a plugin was given."""
    return [json.loads(request.sync_msg.sync_msg_json) for hook, request in plugin.asked if hook == SYNC]


def messages(plugin: FakePlugin) -> list[list[str]]:
    return [[post["message"] for post in batch["posts"]] for batch in given(plugin)]


async def test_a_remote_gets_each_post_once_with_its_author(ws: Workspace, channel: Channel, ada: User) -> None:
    plugin = bridge(ws)
    for text in ("one", "two"):
        await a_post(ws, channel, ada, text)
    await ws.channel_sync.sync(channel.id)
    await ws.channel_sync.sync(channel.id)
    [batch] = given(plugin)
    assert batch["channel_id"] == channel.id
    assert sorted(post["message"] for post in batch["posts"]) == ["one", "two"]
    assert batch["users"][ada.id]["username"] == "ada"
    assert "password" not in batch["users"][ada.id]


async def test_an_edited_and_a_deleted_post_go_along_again(
    ws: Workspace, channel: Channel, ada: User, clock: Clock
) -> None:
    plugin = bridge(ws)
    post = await a_post(ws, channel, ada, "one")
    await ws.channel_sync.sync(channel.id)
    clock.advance(seconds=1)
    await ws.posts.update(replace(post, message="uno"))
    await ws.channel_sync.sync(channel.id)
    clock.advance(seconds=1)
    await ws.posts.delete(post.id)
    await ws.channel_sync.sync(channel.id)
    assert messages(plugin)[:2] == [["one"], ["uno"]]
    assert given(plugin)[2]["posts"][0]["delete_at"] == clock()


async def test_many_posts_come_in_batches(ws: Workspace, channel: Channel, ada: User) -> None:
    plugin = bridge(ws)
    for number in range(BATCH + 1):
        await a_post(ws, channel, ada, str(number))
    await ws.channel_sync.sync(channel.id)
    assert [len(batch) for batch in messages(plugin)] == [BATCH, 1]


async def test_what_a_remote_did_not_get_to_comes_again(
    ws: Workspace, channel: Channel, ada: User, clock: Clock
) -> None:
    def up_to_now(request: Message) -> pb.OnSharedChannelsSyncMsgResponse:
        return pb.OnSharedChannelsSyncMsgResponse(response=pb.SyncResponse(posts_last_update_at=first.update_at))

    plugin = bridge(ws, answers={SYNC: up_to_now})
    first = await a_post(ws, channel, ada, "one")
    clock.advance(seconds=1)
    await a_post(ws, channel, ada, "two")
    await ws.channel_sync.sync(channel.id)
    await ws.channel_sync.sync(channel.id)
    assert messages(plugin) == [["one", "two"], ["two"]]


async def test_a_remote_that_fails_or_refuses_gets_it_again_and_the_others_get_it_once(
    ws: Workspace, channel: Channel, ada: User
) -> None:
    refusing = pb.OnSharedChannelsSyncMsgResponse(error=common_pb2.AppError(message="not now"))
    failing = bridge(ws, answers={SYNC: lambda request: 1 / 0})
    await join(ws, "refusing", channel, ada)
    await join(ws, "well", channel, ada)
    refuser, well = bridge(ws, "refusing", answers={SYNC: refusing}), bridge(ws, "well")
    await a_post(ws, channel, ada, "one")
    for _ in range(2):
        await ws.channel_sync.sync(channel.id)
    assert (len(given(failing)), len(given(refuser)), len(given(well))) == (2, 2, 1)


async def test_a_remote_does_not_get_back_what_came_from_it(ws: Workspace, channel: Channel, ada: User) -> None:
    plugin = bridge(ws)
    [remote_id] = await ws.shared_channels.remotes_of(channel.id)
    await a_post(ws, channel, ada, "theirs", remote_id=remote_id)
    await ws.channel_sync.sync(channel.id)
    assert given(plugin) == []
    await a_post(ws, channel, ada, "ours")
    await ws.channel_sync.sync(channel.id)
    assert [message for batch in messages(plugin) for message in batch] == ["ours"]


async def test_images_of_authors_go_along_when_they_are_new(
    ws: Workspace, channel: Channel, ada: User, clock: Clock
) -> None:
    plugin = bridge(ws, answers={PROFILE_IMAGE: pb.OnSharedChannelsProfileImageSyncMsgResponse()})
    await ws.profile_images.set(ada.id, b"GIF89a...")
    for text in ("one", "two"):
        await a_post(ws, channel, ada, text)
        await ws.channel_sync.sync(channel.id)
        clock.advance(seconds=1)
    assert [hook for hook, _ in plugin.asked] == [SYNC, PROFILE_IMAGE, SYNC]


async def test_files_of_posts_go_along(ws: Workspace, channel: Channel, ada: User) -> None:
    plugin = bridge(ws, answers={ATTACHMENT: pb.OnSharedChannelsAttachmentSyncMsgResponse()})
    info = await ws.files.upload_bytes(channel.id, "a.txt", b"hello", ada.id)
    post = await a_post(ws, channel, ada, "see", file_ids=[info.id])
    await ws.channel_sync.sync(channel.id)
    [(_, request)] = [asked for asked in plugin.asked if asked[0] == ATTACHMENT]
    assert (request.file_info.id, request.post.id) == (info.id, post.id)


async def test_a_channel_that_is_not_shared_is_not_synchronised(ws: Workspace, ada: User) -> None:
    channel = await a_channel(ws, ada, name="other")
    with pytest.raises(AppFailure) as refused:
        await ws.channel_sync.sync(channel.id)
    assert refused.value.status == 404
