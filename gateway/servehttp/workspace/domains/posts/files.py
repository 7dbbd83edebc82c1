"""Files: uploaded, attached to posts, read, copied."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, select

from mattermost_plugin.models import FileInfo, Post
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.base.image_sizes import image_size
from servehttp.workspace.domains.base.images import mime_type
from servehttp.workspace.domains.posts.file_rules import base_name, extension, path_of, type_by_name
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, paged, scalar, to_row
from servehttp.workspace.store.tables.files import files as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.posts.post_store import PostStore

NOBODY = "nouser"
"""Who uploads what plugins upload. Anybody may attach it to a post."""
SORTS = {"": table.c.create_at, "CreateAt": table.c.create_at, "Size": table.c.size}
HOOK = "FileWillBeUploaded"


@dataclass(frozen=True)
class FileFilter:
    """Conditions on files, all of which must hold; what is empty is none. `sort_by` is "CreateAt" or "Size"."""

    user_id: str = ""
    channel_id: str = ""
    include_deleted: bool = False
    sort_by: str = ""
    descending: bool = False

    def query(self) -> Select[tuple[object]]:
        """The files, in order.

        Raises:
            AppFailure: 400, there is no such order.
        """
        if self.sort_by not in SORTS:
            raise _bad_options()
        order = SORTS[self.sort_by]
        query = select(table).order_by(order.desc() if self.descending else order, table.c.id)
        if self.user_id:
            query = query.where(table.c.creator_id == self.user_id)
        if self.channel_id:
            query = query.where(table.c.channel_id == self.channel_id)
        return query if self.include_deleted else query.where(table.c.delete_at == 0)


class Files(Domain):
    """Files and what is known of them. What they hold is written before anybody can know of them."""

    channels: Channels
    post_store: PostStore

    async def upload(
        self, channel_id: str, filename: str, pieces: AsyncIterable[bytes], user_id: str = NOBODY
    ) -> FileInfo:
        """Store a file of any size, in bounded memory unless a plugin wants to see it; returns what is known of it.

        Raises:
            AppFailure: 404, there is no such channel; 413, it is too large.
            Refused: 400, by a plugin.
        """
        await self.channels.get(channel_id)
        id = new_id()
        try:
            size = await self.blobs.write(id, self._limited(pieces))
            info = FileInfo(id=id, creator_id=user_id, channel_id=channel_id, name=filename, size=size)
            return await self.store(await self.vetted(info, id), id)
        except BaseException:
            await self.blobs.remove(id)
            raise

    async def upload_bytes(self, channel_id: str, filename: str, data: bytes, user_id: str = NOBODY) -> FileInfo:
        """Store a file whose content is in memory: as `upload`."""
        return await self.upload(channel_id, filename, _single(data), user_id)

    async def vetted(self, info: FileInfo, content_id: str) -> FileInfo:
        """Ask the plugins about a file whose content is there; returns what is to be stored. For `uploads` too.

        Raises:
            Refused: 400, by a plugin.
        """
        info = await self._described(info, content_id)
        if not self.hooks.implementing(HOOK):
            return info
        content = await self.blobs.read(content_id)
        asked, new_content = await self.hooks.file_will_be_uploaded(self.request, info, content)
        if new_content != content:
            await self.blobs.write_bytes(content_id, new_content)
        new = replace(info, name=asked.name or info.name, size=len(new_content))
        return await self._described(new, content_id)

    async def store(self, info: FileInfo, content_id: str) -> FileInfo:
        """Make a file known whose content is there; returns what is known of it. For `uploads` too."""
        path = path_of(info.id, info.name, info.channel_id, info.creator_id, info.create_at)
        async with self.db.transaction() as tx:
            await insert(tx, table, to_row(info, table, path=path, content_id=content_id, searchable_content=""))
        return info

    async def get(self, file_id: str) -> FileInfo:
        """What is known of a file.

        Raises:
            AppFailure: 404.
        """
        async with self.db.reading() as tx:
            info = await one(tx, FileInfo, select(table).where(table.c.id == file_id, table.c.delete_at == 0))
        if info is None:
            raise not_found("app.file_info.get.app_error", "file", where="GetFileInfo")
        return info

    async def find(self, wanted: FileFilter, page: int = 0, per_page: int = 60) -> list[FileInfo]:
        """A page of the files that meet conditions.

        Raises:
            AppFailure: 400, there is no such order or page.
        """
        if page < 0 or per_page < 0:
            raise _bad_options()
        async with self.db.reading() as tx:
            return await many(tx, FileInfo, paged(wanted.query(), page, per_page))

    async def of_post(self, post_id: str) -> list[FileInfo]:
        """The files of a post, in its order.

        Raises:
            AppFailure: 404, there is no such post.
        """
        async with self.db.reading() as tx:
            post = await self.post_store.get(post_id)
            found = await many(tx, FileInfo, select(table).where(table.c.post_id == post_id, table.c.delete_at == 0))
        return sorted(found, key=lambda info: post.file_ids.index(info.id))

    async def content(self, file_id: str) -> bytes:
        """All that a file holds.

        Raises:
            AppFailure: 404.
        """
        return await self.blobs.read(await self._content_id(table.c.id == file_id))

    async def stream(self, file_id: str) -> AsyncIterator[bytes]:
        """What a file holds, piece by piece.

        Raises:
            AppFailure: 404.
        """
        async for piece in self.blobs.stream(await self._content_id(table.c.id == file_id)):
            yield piece

    async def read_path(self, path: str) -> bytes:
        """All that the file at a path in the file store holds.

        Raises:
            AppFailure: 404.
        """
        return await self.blobs.read(await self._content_id(table.c.path == path))

    async def set_searchable(self, file_id: str, content: str) -> None:
        """Say what text is in a file, for the search.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            await self.get(file_id)
            await changed(tx, table.update().where(table.c.id == file_id).values(searchable_content=content))

    async def copy(self, user_id: str, file_ids: Sequence[str]) -> list[str]:
        """Make files of the same content that a user may attach to another post; returns their ids in order.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            return [await self._copy(user_id, file_id) for file_id in file_ids]

    async def attach(self, post: Post, file_ids: Sequence[str]) -> list[str]:
        """Give files to a post; returns the ids of those that are free, in its channel and its author's to give."""
        free = (table.c.post_id == "") & (table.c.delete_at == 0) & (table.c.channel_id.in_(["", post.channel_id]))
        own = free & table.c.creator_id.in_([post.user_id, NOBODY])
        row = {"post_id": post.id, "channel_id": post.channel_id, "update_at": self.now()}
        async with self.db.transaction() as tx:
            return [id for id in file_ids if await changed(tx, table.update().where(table.c.id == id, own).values(row))]

    async def delete(self, file_ids: Sequence[str]) -> None:
        """Delete files; those that do not exist are no error."""
        await self._delete(table.c.id.in_(file_ids))

    async def delete_of_posts(self, post_ids: Sequence[str]) -> None:
        """Delete the files of posts."""
        await self._delete(table.c.post_id.in_(post_ids))

    async def _delete(self, which: ColumnElement[bool]) -> None:
        now = self.now()
        live = table.update().where(which, table.c.delete_at == 0)
        async with self.db.transaction() as tx:
            await changed(tx, live.values(delete_at=now, update_at=now))

    async def _copy(self, user_id: str, file_id: str) -> str:
        async with self.db.transaction():
            info = await self.get(file_id)
            now = self.now()
            copy = replace(info, id=new_id(), creator_id=user_id, post_id="", create_at=now, update_at=now)
            await self.store(copy, await self._content_id(table.c.id == file_id))
        return copy.id

    async def _described(self, info: FileInfo, content_id: str) -> FileInfo:
        """What can be told of a file by its name and its beginning."""
        async with aclosing(self.blobs.stream(content_id)) as pieces:
            head = await anext(pieces, b"")
        name = base_name(info.name)
        width, height = image_size(head)
        now = self.now()
        return replace(
            info,
            name=name,
            extension=extension(name),
            mime_type=mime_type(head) or type_by_name(name),
            width=width,
            height=height,
            create_at=now,
            update_at=now,
        )

    async def _content_id(self, which: ColumnElement[bool]) -> str:
        query = select(table.c.content_id).where(which, table.c.delete_at == 0)
        async with self.db.reading() as tx:
            found: str | None = await scalar(tx, query)
        if found is None:
            raise not_found("app.file_info.get.app_error", "file", where="GetFile")
        return found

    async def _limited(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        size, limit = 0, self.settings.max_file_size
        async for piece in pieces:
            size += len(piece)
            if size > limit:
                raise too_large("api.file.upload_file.too_large_detailed.app_error", limit, "UploadFile")
            yield piece


def too_large(id: str, limit: int, where: str) -> AppFailure:
    """413: a file has more bytes than a file may have."""
    text = f"A file has at most {limit} bytes."
    return AppFailure(id, text, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, where=where, params={"Limit": limit})


def _bad_options() -> AppFailure:
    return invalid("app.file_info.get_with_options.app_error", "There is no such order or page.", where="GetFileInfos")


async def _single(data: bytes) -> AsyncIterator[bytes]:
    yield data
