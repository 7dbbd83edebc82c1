"""Files, streamed both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.responses import StreamingResponse

from mattermost_plugin.models import FileInfo
from servehttp.workspace.rest.access import LOGGED_IN, require_reading
from servehttp.workspace.rest.call import RestCall
from servehttp.workspace.rest.errors import too_large
from servehttp.workspace.rest.forms import no_file, parts
from servehttp.workspace.rest.json import bad_value
from servehttp.workspace.rest.routes import RestRoute

READABLE = LOGGED_IN.besides(
    "one's own upload, or `read_channel_content` in its channel, or a public one of one's team"
)
FIELD_MAX = 1024
"""Bytes of a field that is no file."""
SHOWN = ("image/gif", "image/jpeg", "image/png", "image/webp", "text/plain")
"""What a browser shows as a page of ours; anything else it saves."""
HEADERS = {
    "Cache-Control": "private, max-age=86400",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


async def upload_file(call: RestCall) -> Any:
    """Store files of a channel: a form in which `channel_id` comes before them, or one file as the body itself."""
    if call.request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        return await _upload_form(call)
    filename, channel_id = call.query("filename"), call.query("channel_id")
    if not filename:
        raise bad_value("filename")
    return {"file_infos": [await _store(call, channel_id, filename, call.request.stream())], "client_ids": []}


async def get_file(call: RestCall) -> Any:
    """What a file holds."""
    info = await _readable(call)
    kind = info.mime_type.partition(";")[0]
    place = "inline" if kind in SHOWN and not call.flag("download") else "attachment"
    disposition = f"{place}; filename*=UTF-8''{quote(info.name, safe='')}"
    headers = HEADERS | {"Content-Disposition": disposition, "Content-Length": str(info.size)}
    media_type = info.mime_type or "application/octet-stream"
    return StreamingResponse(call.workspace.files.stream(info.id), media_type=media_type, headers=headers)


async def get_info(call: RestCall) -> Any:
    """What is known of a file."""
    return await _readable(call)


async def get_link(call: RestCall) -> Any:
    """A link to a file for everybody, where the configuration permits that."""
    info = await _readable(call)
    await call.require_in_channel(info.channel_id, "get_public_link")
    return {"link": await call.workspace.file_links.make(info.id)}


async def _upload_form(call: RestCall) -> Any:
    channel_id, infos, client_ids = call.query("channel_id"), [], []
    async for part in parts(call.request):
        if part.filename:
            infos.append(await _store(call, channel_id, part.filename, part.pieces))
        elif part.name == "channel_id":
            channel_id = await part.text(FIELD_MAX)
        elif part.name == "client_ids":
            client_ids.append(await part.text(FIELD_MAX))
    if not infos:
        raise no_file("files")
    return {"file_infos": infos, "client_ids": client_ids}


async def _store(call: RestCall, channel_id: str, filename: str, pieces: AsyncIterator[bytes]) -> FileInfo:
    await call.workspace.config.require("FileSettings", "EnableFileAttachments", "Files are switched off.")
    limit = call.workspace.settings.max_file_size
    if call.content_length > limit + call.settings.body_size:
        raise too_large(limit)
    await call.require_in_channel(channel_id, "upload_file")
    return await call.workspace.files.upload(channel_id, filename, pieces, call.user_id)


async def _readable(call: RestCall) -> FileInfo:
    """A file that who asks has uploaded, or may read the channel of."""
    info = await call.workspace.files.get(call.path("file_id"))
    if info.creator_id != call.user_id:
        await require_reading(call, await call.workspace.channels.get(info.channel_id), "read_channel_content")
    return info


_GET_LINK_BY = LOGGED_IN.besides("as for reading it, and `get_public_link` in its channel")

ROUTES = [
    RestRoute("POST", "/files", upload_file, LOGGED_IN.besides("`upload_file` in the channel of the body"), status=201),
    RestRoute("GET", "/files/{file_id}", get_file, READABLE),
    RestRoute("GET", "/files/{file_id}/info", get_info, READABLE),
    RestRoute("GET", "/files/{file_id}/link", get_link, _GET_LINK_BY),
]
