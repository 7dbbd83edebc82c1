"""Uploads in pieces, which can be resumed where they were interrupted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from mattermost_plugin.models import FileInfo, UploadSession
from servehttp.workspace.domains.base.domain import Domain, Resources
from servehttp.workspace.domains.posts.file_rules import base_name, path_of
from servehttp.workspace.domains.posts.files import NOBODY, too_large
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.hooks import Refused
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.store.rows import changed, insert, many, one, to_row
from servehttp.workspace.store.tables.files import upload_sessions as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.posts.files import Files


TYPES = ("attachment", "import")
LIFETIME = 24 * 3600 * 1000
"""Milliseconds after which an upload that was not finished is given up."""


class Uploads(Domain):
    """Upload sessions. What was acknowledged is on the disk, and `file_offset` says how much that is."""

    channels: Channels
    files: Files

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._busy: set[str] = set()

    async def create(self, session: UploadSession) -> UploadSession:
        """Begin an upload; returns it with its id.

        Raises:
            AppFailure: 404, there is no such channel; 413, it is too large; 400, a field is missing or malformed, or
                the channel is archived.
        """
        limit = self.settings.max_file_size
        if session.file_size > limit:
            raise too_large("app.upload.create.upload_too_large.app_error", limit, "CreateUploadSession")
        id, now, name = new_id(), self.now(), base_name(session.filename)
        path = path_of(id, name, session.channel_id, session.user_id, now)
        made = replace(session, id=id, create_at=now, filename=name, path=path, file_offset=0)
        _check(made)
        async with self.db.transaction() as tx:
            await self._check_channel(made.channel_id)
            await insert(tx, table, to_row(made, table))
        return made

    async def get(self, upload_id: str) -> UploadSession:
        """An upload that is not finished.

        Raises:
            AppFailure: 404.
        """
        async with self.db.reading() as tx:
            session = await one(tx, UploadSession, select(table).where(table.c.id == upload_id))
        if session is None:
            raise not_found("app.upload.get.app_error", "upload", where="GetUpload")
        return session

    async def of_user(self, user_id: str) -> list[UploadSession]:
        """A user's uploads that are not finished, the latest first."""
        query = select(table).where(table.c.user_id == user_id).order_by(table.c.create_at.desc())
        async with self.db.reading() as tx:
            return await many(tx, UploadSession, query)

    async def add(self, upload_id: str, offset: int, data: bytes) -> FileInfo | None:
        """Add the next piece; returns the file once all is there, None before.

        Raises:
            AppFailure: 404; 400, the piece does not belong at `offset`, is more than was announced, or another one is
                being added.
            Refused: 400, by a plugin, which ends the upload.
        """
        async with self._alone(upload_id):
            session = await self.get(upload_id)
            if session.file_offset != offset:
                raise _concurrent(f"the next piece belongs at {session.file_offset}")
            if offset + len(data) > session.file_size:
                raise invalid(
                    "api.upload.upload_data.invalid_content_length", "This is more than announced.", where="UploadData"
                )
            reached = await self.blobs.append(upload_id, data, offset) if data else offset
            async with self.db.transaction() as tx:
                await changed(tx, table.update().where(table.c.id == upload_id).values(file_offset=reached))
            return await self._complete(session) if reached == session.file_size else None

    async def forget_old(self) -> int:
        """Give up the uploads that were begun more than a day ago; returns how many."""
        query = select(table).where(table.c.create_at < self.now() - LIFETIME)
        async with self.db.reading() as tx:
            old = await many(tx, UploadSession, query)
        for session in old:
            await self.blobs.remove(session.id)  # first: what is broken off here is found again by its row
            await self._forget(session.id)
        return len(old)

    async def _complete(self, session: UploadSession) -> FileInfo:
        with suppress(FileNotFoundError):  # it has its name already if a crash came after this
            await self.blobs.finish(session.id, session.file_size)
        info = FileInfo(
            id=session.req_file_id or new_id(),
            creator_id=session.user_id or NOBODY,
            channel_id=session.channel_id,
            name=session.filename,
            size=session.file_size,
            remote_id=session.remote_id or None,
        )
        try:
            vetted = await self.files.vetted(info, session.id)
        except Refused:
            await self._forget(session.id)
            await self.blobs.remove(session.id)
            raise
        async with self.db.transaction():
            await self._forget(session.id)
            return await self.files.store(vetted, session.id)

    async def _forget(self, upload_id: str) -> None:
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(table.c.id == upload_id))

    @asynccontextmanager
    async def _alone(self, upload_id: str) -> AsyncIterator[None]:
        if upload_id in self._busy:
            raise _concurrent("another piece is being added")
        self._busy.add(upload_id)
        try:
            yield
        finally:
            self._busy.discard(upload_id)

    async def _check_channel(self, channel_id: str) -> None:
        if (await self.channels.get(channel_id)).delete_at:
            raise invalid(
                "app.upload.create.cannot_upload_to_deleted_channel.app_error",
                "The channel is archived.",
                where="CreateUploadSession",
            )


def _check(session: UploadSession) -> None:
    faults = {
        "type": session.type not in TYPES,
        "user_id": not is_id(session.user_id) and session.user_id != NOBODY,
        "channel_id": not is_id(session.channel_id),
        "filename": not session.filename,
        "file_size": session.file_size <= 0,
    }
    for field, is_faulty in faults.items():
        if is_faulty:
            id = f"model.upload_session.is_valid.{field}.app_error"
            raise invalid(id, f"The upload's {field} is missing or malformed.", where="UploadSession.IsValid")


def _concurrent(detail: str) -> AppFailure:
    text = "The piece does not belong here now."
    return invalid("app.upload.upload_data.concurrent.app_error", text, where="UploadData", detail=detail)
