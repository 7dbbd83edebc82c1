"""Uploads in pieces: where each belongs, what a refusal leaves, and what survives an interruption."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.models import Channel, UploadSession, User
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.hooks import Refused
from servehttp.workspace.ids import new_id
from servehttp.workspace.workspace import FILES_FOLDER, Workspace
from support.workspaces import Clock, FakePlugin, a_channel, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def news(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


def wanted(channel: Channel, user: User, size: int = 6) -> UploadSession:
    return UploadSession(user_id=user.id, channel_id=channel.id, filename="x.txt", file_size=size)


async def test_an_upload_says_what_it_will_be(ws: Workspace, clock: Clock, news: Channel, ada: User) -> None:
    good = wanted(news, ada)
    session = await ws.uploads.create(replace(good, file_offset=5, filename="a/b.txt"))
    assert (session.file_offset, session.filename, session.create_at) == (0, "b.txt", clock())
    assert await ws.uploads.of_user(ada.id) == [session]
    faults: dict[str, Any] = {"user_id": "x", "channel_id": "x", "filename": "", "file_size": 0, "type": "x"}
    for field, value in faults.items():
        with pytest.raises(AppFailure) as refused:
            await ws.uploads.create(replace(good, **{field: value}))
        assert refused.value.id == f"model.upload_session.is_valid.{field}.app_error"
    with pytest.raises(AppFailure) as unknown:
        await ws.uploads.create(replace(good, channel_id=new_id()))
    assert unknown.value.status == 404
    await ws.channels.delete(news.id)
    with pytest.raises(AppFailure) as archived:
        await ws.uploads.create(good)
    assert archived.value.id == "app.upload.create.cannot_upload_to_deleted_channel.app_error"


async def test_pieces_become_a_file_that_is_described(ws: Workspace, news: Channel, ada: User) -> None:
    content = plain_image("x")
    session = await ws.uploads.create(wanted(news, ada, len(content)))
    assert await ws.uploads.add(session.id, 0, content[:100]) is None
    info = await ws.uploads.add(session.id, 100, content[100:])
    assert info is not None
    assert (info.mime_type, info.width, info.creator_id) == ("image/png", 128, ada.id)
    assert await ws.files.content(info.id) == content
    assert await ws.uploads.of_user(ada.id) == []


async def test_a_piece_has_one_place(ws: Workspace, news: Channel, ada: User) -> None:
    session = await ws.uploads.create(wanted(news, ada))
    await ws.uploads.add(session.id, 0, b"abc")
    refusals = {
        (0, b"abc"): "app.upload.upload_data.concurrent.app_error",
        (4, b"ef"): "app.upload.upload_data.concurrent.app_error",
        (3, b"defg"): "api.upload.upload_data.invalid_content_length",
    }
    for (offset, data), id in refusals.items():
        with pytest.raises(AppFailure) as refused:
            await ws.uploads.add(session.id, offset, data)
        assert (refused.value.status, refused.value.id) == (400, id)
    assert (await ws.uploads.get(session.id)).file_offset == 3


async def test_of_two_pieces_for_one_place_one_is_taken(ws: Workspace, news: Channel, ada: User) -> None:
    session = await ws.uploads.create(wanted(news, ada))
    both = (ws.uploads.add(session.id, 0, data) for data in (b"abc", b"xyz"))
    first, second = await asyncio.gather(*both, return_exceptions=True)
    assert first is None
    assert isinstance(second, AppFailure)
    assert second.id == "app.upload.upload_data.concurrent.app_error"
    info = await ws.uploads.add(session.id, 3, b"def")
    assert info is not None
    assert await ws.files.content(info.id) == b"abcdef"


async def test_what_was_written_without_being_acknowledged_is_written_again(
    ws: Workspace, news: Channel, ada: User
) -> None:
    session = await ws.uploads.create(wanted(news, ada))
    await ws.uploads.add(session.id, 0, b"abc")
    await ws.blobs.append(session.id, b"XX", 3)
    info = await ws.uploads.add(session.id, 3, b"def")
    assert info is not None
    assert await ws.files.content(info.id) == b"abcdef"


async def test_an_upload_interrupted_at_its_end_is_ended_by_an_empty_piece(
    ws: Workspace, news: Channel, ada: User
) -> None:
    def fail(request: pb.FileWillBeUploadedRequest) -> pb.FileWillBeUploadedResponse:
        raise KeyboardInterrupt

    ws.hooks.register("a", FakePlugin({"FileWillBeUploaded": fail}))
    session = await ws.uploads.create(wanted(news, ada))
    with pytest.raises(KeyboardInterrupt):
        await ws.uploads.add(session.id, 0, b"abcdef")
    await ws.hooks.unregister("a")
    assert (await ws.uploads.get(session.id)).file_offset == 6
    info = await ws.uploads.add(session.id, 6, b"")
    assert info is not None
    assert await ws.files.content(info.id) == b"abcdef"


async def test_a_refused_file_ends_its_upload(ws: Workspace, news: Channel, ada: User, tmp_path: Path) -> None:
    refusal = pb.FileWillBeUploadedResponse(rejection_reason="no")
    ws.hooks.register("a", FakePlugin({"FileWillBeUploaded": refusal}))
    session = await ws.uploads.create(wanted(news, ada))
    with pytest.raises(Refused):
        await ws.uploads.add(session.id, 0, b"abcdef")
    with pytest.raises(AppFailure) as unknown:
        await ws.uploads.get(session.id)
    assert (unknown.value.status, unknown.value.id) == (404, "app.upload.get.app_error")
    assert list((tmp_path / FILES_FOLDER).iterdir()) == []


async def test_old_uploads_are_given_up(ws: Workspace, clock: Clock, news: Channel, ada: User, tmp_path: Path) -> None:
    old = await ws.uploads.create(wanted(news, ada))
    await ws.uploads.add(old.id, 0, b"abc")
    clock.advance(seconds=24 * 3600 + 1)
    new = await ws.uploads.create(wanted(news, ada))
    assert await ws.uploads.forget_old() == 1
    assert await ws.uploads.of_user(ada.id) == [new]
    assert list((tmp_path / FILES_FOLDER).iterdir()) == []
