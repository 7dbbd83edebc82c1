"""Uploads that can be taken up again where they stopped."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from mattermost_plugin.models import FileInfo, UploadSession
from servehttp.workspace.rest.access import LOGGED_IN, oneself
from servehttp.workspace.rest.call import RestCall
from servehttp.workspace.rest.json import values_of
from servehttp.workspace.rest.routes import RestRoute

OWN = LOGGED_IN.besides("an upload of one's own, or `manage_system` everywhere; `upload_file` in its channel to add")
NEW = ("channel_id", "filename", "file_size")
PIECE = 1024 * 1024
"""Bytes that are stored at once."""


async def create_upload(call: RestCall) -> Any:
    """Begin an upload to a channel."""
    session = UploadSession(
        **values_of(UploadSession, await call.object(), NEW), user_id=call.user_id, type="attachment"
    )
    await call.require_in_channel(session.channel_id, "upload_file")
    await call.workspace.config.require("FileSettings", "EnableFileAttachments", "Files are switched off.")
    return await call.workspace.uploads.create(session)


async def get_upload(call: RestCall) -> Any:
    """How far an upload is."""
    return await _own(call)


async def add_to_upload(call: RestCall) -> Any:
    """Add the body to an upload. Answers with the file once all of it is there, with nothing before (204)."""
    session = await _own(call)
    await call.require_in_channel(session.channel_id, "upload_file")
    info, offset, waiting = None, session.file_offset, bytearray()
    async for piece in call.request.stream():
        waiting += piece
        if len(waiting) >= PIECE:
            info, offset = await _add(call, offset, waiting)
    if waiting:
        info, offset = await _add(call, offset, waiting)
    return Response(status_code=204) if info is None else info


async def of_user(call: RestCall) -> Any:
    """The uploads of who asks that are not finished."""
    return await call.workspace.uploads.of_user(call.path("user_id"))


async def _add(call: RestCall, offset: int, waiting: bytearray) -> tuple[FileInfo | None, int]:
    data = bytes(waiting)
    waiting.clear()
    return await call.workspace.uploads.add(call.path("upload_id"), offset, data), offset + len(data)


async def _own(call: RestCall) -> UploadSession:
    session = await call.workspace.uploads.get(call.path("upload_id"))
    await call.require_self(session.user_id, "manage_system")
    return session


_CREATE_UPLOAD_BY = LOGGED_IN.besides("`upload_file` in the channel of the body")

ROUTES = [
    RestRoute("POST", "/uploads", create_upload, _CREATE_UPLOAD_BY, status=201),
    RestRoute("GET", "/uploads/{upload_id}", get_upload, OWN),
    RestRoute("POST", "/uploads/{upload_id}", add_to_upload, OWN),
    RestRoute("GET", "/users/{user_id}/uploads", of_user, oneself("manage_system")),
]
