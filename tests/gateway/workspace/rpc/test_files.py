"""Files and uploads as the SDK's client sees them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import select

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError, PluginAPIError, ValidationError
from mattermost_plugin.models import Channel, Post, UploadSession, User
from servehttp.workspace.store.tables.files import files as table
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_channel, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def news(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


async def test_a_file_is_uploaded_and_read(api: AsyncPluginAPIClient, ws: Workspace, news: Channel) -> None:
    info = await api.upload_file(b"some text", news.id, "Notes.TXT")
    assert (info.name, info.extension, info.size, info.mime_type) == ("Notes.TXT", "txt", 9, "text/plain")
    assert await api.get_file_info(info.id) == info
    assert await api.get_file(info.id) == b"some text"
    async with ws.database.reading() as tx:
        path = (await tx.execute(select(table.c.path))).scalar_one()
    assert await api.read_file(path) == b"some text"
    await api.set_file_searchable_content(info.id, "some text")
    for missing in (api.get_file_info("x"), api.get_file("x"), api.read_file("x")):
        with pytest.raises(NotFoundError):
            await missing
    with pytest.raises(NotFoundError):
        await api.upload_file(b"", "c" * 26, "x")


async def test_files_are_listed_by_what_they_are(
    api: AsyncPluginAPIClient, ws: Workspace, news: Channel, ada: User
) -> None:
    small, large = [await api.upload_file(b"x" * size, news.id, "x") for size in (1, 2)]
    other = await ws.files.upload_bytes((await a_channel(ws, name="other")).id, "y", b"xxx", ada.id)
    assert await api.get_file_infos(channel_id=news.id, sort_by="Size", sort_order="desc") == [large, small]
    assert await api.get_file_infos(user_id=ada.id) == [other]
    assert await api.get_file_infos(sort_by="Size", page=1, per_page=1) == [large]
    with pytest.raises(ValidationError):
        await api.get_file_infos(sort_by="Colour")


async def test_a_copy_has_the_content_and_another_owner(api: AsyncPluginAPIClient, news: Channel, ada: User) -> None:
    info = await api.upload_file(b"text", news.id, "x.txt")
    [copy_id] = await api.copy_file_infos(ada.id, [info.id])
    copy = await api.get_file_info(copy_id)
    assert (copy.creator_id, copy.name) == (ada.id, "x.txt")
    assert await api.get_file(copy_id) == b"text"
    with pytest.raises(NotFoundError):
        await api.copy_file_infos(ada.id, [info.id, "x"])


async def test_a_file_in_a_post_has_a_public_link_where_those_are_permitted(
    api: AsyncPluginAPIClient, ws: Workspace, news: Channel, ada: User
) -> None:
    info = await api.upload_file(b"text", news.id, "x.txt")
    with pytest.raises(PluginAPIError) as switched_off:
        await api.get_file_link(info.id)
    assert switched_off.value.status_code == 501
    sections = {"FileSettings": {"EnablePublicLink": True}, "ServiceSettings": {"SiteURL": "https://chat.example.com/"}}
    await ws.config.save(json.dumps(sections).encode())
    with pytest.raises(NotFoundError):
        await api.get_file_link("x")
    with pytest.raises(ValidationError):
        await api.get_file_link(info.id)
    await api.create_post(Post(channel_id=news.id, user_id=ada.id, file_ids=[info.id]))
    link = await api.get_file_link(info.id)
    address, signature = link.split("?h=")
    assert address == f"https://chat.example.com/files/{info.id}/public"
    assert (await ws.file_links.read(info.id, signature)).id == info.id


async def test_an_upload_comes_in_pieces(api: AsyncPluginAPIClient, news: Channel, ada: User) -> None:
    wanted = UploadSession(user_id=ada.id, channel_id=news.id, filename="x.txt", file_size=6)
    session = await api.create_upload_session(wanted)
    assert await api.upload_data(session, b"abc") is None
    with pytest.raises(ValidationError):
        await api.upload_data(session, b"def")
    reached = await api.get_upload_session(session.id)
    assert reached == replace(session, file_offset=3)
    info = await api.upload_data(reached, b"def")
    assert info is not None
    assert (info.creator_id, info.size, await api.get_file(info.id)) == (ada.id, 6, b"abcdef")
    with pytest.raises(NotFoundError):
        await api.get_upload_session(session.id)


async def test_a_file_of_any_size_is_sent_by_the_sdk(api: AsyncPluginAPIClient, news: Channel, ada: User) -> None:
    content = bytes(range(256)) * 40
    pieces = [content[at : at + 1000] for at in range(0, len(content), 1000)]
    info = await api.upload_stream(pieces, news.id, "x.bin", user_id=ada.id, size=len(content), piece_size=1000)
    assert await api.get_file(info.id) == content


async def test_a_file_that_is_too_large_is_refused(
    api: AsyncPluginAPIClient, ws: Workspace, news: Channel, ada: User
) -> None:
    size = ws.settings.max_file_size + 1
    with pytest.raises(PluginAPIError) as refused:
        await api.create_upload_session(UploadSession(user_id=ada.id, channel_id=news.id, filename="x", file_size=size))
    assert (refused.value.status_code, refused.value.error_id) == (413, "app.upload.create.upload_too_large.app_error")
