"""Files and uploads."""

from __future__ import annotations

from mattermost_plugin.grpc import api_file_bot_pb2 as pb
from mattermost_plugin.models import FileInfo, UploadSession
from servehttp.workspace.domains.posts.files import FileFilter
from servehttp.workspace.rpc.call import ApiCall


async def get_file_info(call: ApiCall, request: pb.GetFileInfoRequest) -> FileInfo:
    return await call.workspace.files.get(request.file_id)


async def get_file_infos(call: ApiCall, request: pb.GetFileInfosRequest) -> list[FileInfo]:
    options = request.options
    wanted = FileFilter(
        user_id=options.user_id,
        channel_id=options.channel_id,
        include_deleted=options.include_deleted,
        sort_by=options.sort_by,
        descending=options.sort_order.lower() == "desc",
    )
    return await call.workspace.files.find(wanted, request.page, request.per_page)


async def set_file_searchable_content(call: ApiCall, request: pb.SetFileSearchableContentRequest) -> None:
    await call.workspace.files.set_searchable(request.file_id, request.content)


async def get_file(call: ApiCall, request: pb.GetFileRequest) -> bytes:
    return await call.workspace.files.content(request.file_id)


async def get_file_link(call: ApiCall, request: pb.GetFileLinkRequest) -> str:
    return await call.workspace.file_links.make(request.file_id)


async def read_file(call: ApiCall, request: pb.ReadFileRequest) -> bytes:
    return await call.workspace.files.read_path(request.path)


async def upload_file(call: ApiCall, request: pb.UploadFileRequest) -> FileInfo:
    return await call.workspace.files.upload_bytes(request.channel_id, request.filename, request.data)


async def copy_file_infos(call: ApiCall, request: pb.CopyFileInfosRequest) -> list[str]:
    return await call.workspace.files.copy(request.user_id, list(request.file_ids))


async def create_upload_session(call: ApiCall, request: pb.CreateUploadSessionRequest) -> UploadSession:
    return await call.workspace.uploads.create(UploadSession.from_proto(request.upload_session))


async def upload_data(call: ApiCall, request: pb.UploadDataRequest) -> FileInfo | None:
    session = request.upload_session
    return await call.workspace.uploads.add(session.id, session.file_offset, request.data)


async def get_upload_session(call: ApiCall, request: pb.GetUploadSessionRequest) -> UploadSession:
    return await call.workspace.uploads.get(request.upload_id)
