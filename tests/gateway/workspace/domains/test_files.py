"""Files: uploaded, judged by plugins, given to posts, deleted with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ByteSize

from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.models import Channel, User
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.domains.posts.files import NOBODY, FileFilter
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.hooks import Refused
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import FILES_FOLDER, Workspace
from support.workspaces import Clock, FakePlugin, a_channel, a_post, a_user

pytestmark = pytest.mark.anyio

LIMIT = 2000


@pytest.fixture
def settings(database_url: str) -> WorkspaceSettings:
    return WorkspaceSettings(database_url=database_url, max_file_size=ByteSize(LIMIT))


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def news(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


async def in_pieces(content: bytes, size: int = 700) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def stored(folder: Path) -> list[str]:
    return [path.name for path in (folder / FILES_FOLDER).iterdir()]


async def test_a_file_is_known_by_its_name_and_its_beginning(
    ws: Workspace, clock: Clock, news: Channel, ada: User
) -> None:
    content = plain_image("x")
    info = await ws.files.upload(news.id, "..\\odd/Image.JPEG", in_pieces(content), ada.id)
    assert (info.name, info.extension, info.mime_type) == ("Image.JPEG", "jpeg", "image/png")
    assert (info.width, info.height, info.size, info.create_at) == (128, 128, len(content), clock())
    assert (info.creator_id, info.channel_id, info.post_id) == (ada.id, news.id, "")
    assert b"".join([piece async for piece in ws.files.stream(info.id)]) == content
    path = f"20231114/teams/noteam/channels/{news.id}/users/{ada.id}/{info.id}/Image.JPEG"
    assert await ws.files.read_path(path) == content


async def test_a_file_that_is_too_large_leaves_nothing_behind(ws: Workspace, news: Channel, tmp_path: Path) -> None:
    await ws.files.upload(news.id, "x", in_pieces(bytes(LIMIT)))
    with pytest.raises(AppFailure) as refused:
        await ws.files.upload(news.id, "x", in_pieces(bytes(LIMIT + 1)))
    expected = (413, "api.file.upload_file.too_large_detailed.app_error")
    assert (refused.value.status, refused.value.id) == expected
    assert len(stored(tmp_path)) == len(await ws.files.find(FileFilter())) == 1


async def test_plugins_change_and_refuse_files(ws: Workspace, news: Channel, tmp_path: Path) -> None:
    def judge(request: pb.FileWillBeUploadedRequest) -> pb.FileWillBeUploadedResponse:
        if request.file_content == b"bad":
            return pb.FileWillBeUploadedResponse(rejection_reason="no")
        request.file_info.name = "new.txt"
        return pb.FileWillBeUploadedResponse(
            modified_file_info=request.file_info, modified_content=request.file_content.upper()
        )

    ws.hooks.register("a", FakePlugin({"FileWillBeUploaded": judge}))
    info = await ws.files.upload_bytes(news.id, "old.bin", b"good")
    assert (info.name, info.extension, info.mime_type, info.size) == ("new.txt", "txt", "text/plain", 4)
    assert await ws.files.content(info.id) == b"GOOD"
    with pytest.raises(Refused):
        await ws.files.upload_bytes(news.id, "x", b"bad")
    assert len(stored(tmp_path)) == len(await ws.files.find(FileFilter())) == 1


async def test_a_post_gets_only_files_that_are_free_and_its_authors(ws: Workspace, news: Channel, ada: User) -> None:
    bob = await a_user(ws, "bob")
    other = await a_channel(ws, name="other")
    own = await ws.files.upload_bytes(news.id, "own", b"x", ada.id)
    plugins = await ws.files.upload_bytes(news.id, "plugins", b"x", NOBODY)
    others = await ws.files.upload_bytes(news.id, "others", b"x", bob.id)
    elsewhere = await ws.files.upload_bytes(other.id, "elsewhere", b"x", ada.id)
    wanted = [plugins.id, others.id, own.id, elsewhere.id, own.id, "x"]
    post = await a_post(ws, news, ada, file_ids=wanted)
    assert post.file_ids == (await ws.posts.get(post.id)).file_ids == [plugins.id, own.id]
    assert [info.name for info in await ws.files.of_post(post.id)] == ["plugins", "own"]
    assert (await a_post(ws, news, ada, file_ids=[own.id])).file_ids == []
    [copy] = await ws.files.copy(ada.id, [own.id])
    assert (await a_post(ws, news, ada, file_ids=[copy])).file_ids == [copy]


async def test_an_edit_takes_files_away_and_adds_others(ws: Workspace, news: Channel, ada: User) -> None:
    first, second, third = [await ws.files.upload_bytes(news.id, name, b"x", ada.id) for name in "abc"]
    post = await a_post(ws, news, ada, file_ids=[first.id, second.id])
    edited = await ws.posts.update(replace(post, file_ids=[second.id, third.id, "x"]))
    assert (edited.file_ids, edited.edit_at > 0) == ([second.id, third.id], True)
    with pytest.raises(AppFailure):
        await ws.files.get(first.id)
    assert (await ws.files.get(third.id)).post_id == post.id


async def test_the_files_of_a_deleted_post_are_deleted(ws: Workspace, news: Channel, ada: User) -> None:
    info = await ws.files.upload_bytes(news.id, "x", b"x", ada.id)
    post = await a_post(ws, news, ada, file_ids=[info.id])
    [copy] = await ws.files.copy(ada.id, [info.id])
    await ws.posts.delete(post.id)
    for missing in (ws.files.get(info.id), ws.files.content(info.id)):
        with pytest.raises(AppFailure) as unknown:
            await missing
        assert unknown.value.status == 404
    assert await ws.files.content(copy) == b"x"
    assert {info.id for info in await ws.files.find(FileFilter(include_deleted=True))} == {info.id, copy}
    assert [found.id for found in await ws.files.find(FileFilter())] == [copy]


async def test_a_forged_link_is_refused(ws: Workspace, news: Channel, ada: User) -> None:
    await ws.config.save(b'{"FileSettings": {"EnablePublicLink": true}}')
    first, second = [await ws.files.upload_bytes(news.id, name, b"x", ada.id) for name in "ab"]
    await a_post(ws, news, ada, file_ids=[first.id, second.id])
    link = await ws.file_links.make(first.id)
    assert link == await ws.file_links.make(first.id)
    with pytest.raises(AppFailure) as refused:
        await ws.file_links.read(second.id, link.split("h=")[1])
    assert refused.value.id == "api.file.get_file.public_invalid.app_error"
