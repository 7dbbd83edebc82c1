"""Files and uploads."""

from __future__ import annotations

from mattermost_plugin.grpc import api_file_bot_pb2 as pb
from mattermost_plugin.models import UploadSession
from servehttp.workspace.domains.posts.files import FileFilter
from servehttp.workspace.rpc.call import Call


async def get_file_info(call: Call, request: pb.GetFileInfoRequest) -> pb.GetFileInfoResponse:
    return pb.GetFileInfoResponse(file_info=(await call.ws.files.get(request.file_id)).to_proto())


async def get_file_infos(call: Call, request: pb.GetFileInfosRequest) -> pb.GetFileInfosResponse:
    options = request.options
    wanted = FileFilter(
        user_id=options.user_id,
        channel_id=options.channel_id,
        include_deleted=options.include_deleted,
        sort_by=options.sort_by,
        descending=options.sort_order.lower() == "desc",
    )
    found = await call.ws.files.find(wanted, request.page, request.per_page)
    return pb.GetFileInfosResponse(file_infos=[info.to_proto() for info in found])


async def set_file_searchable_content(
    call: Call, request: pb.SetFileSearchableContentRequest
) -> pb.SetFileSearchableContentResponse:
    await call.ws.files.set_searchable(request.file_id, request.content)
    return pb.SetFileSearchableContentResponse()


async def get_file(call: Call, request: pb.GetFileRequest) -> pb.GetFileResponse:
    return pb.GetFileResponse(data=await call.ws.files.content(request.file_id))


async def get_file_link(call: Call, request: pb.GetFileLinkRequest) -> pb.GetFileLinkResponse:
    return pb.GetFileLinkResponse(link=await call.ws.file_links.make(request.file_id))


async def read_file(call: Call, request: pb.ReadFileRequest) -> pb.ReadFileResponse:
    return pb.ReadFileResponse(data=await call.ws.files.read_path(request.path))


async def upload_file(call: Call, request: pb.UploadFileRequest) -> pb.UploadFileResponse:
    info = await call.ws.files.upload_bytes(request.channel_id, request.filename, request.data)
    return pb.UploadFileResponse(file_info=info.to_proto())


async def copy_file_infos(call: Call, request: pb.CopyFileInfosRequest) -> pb.CopyFileInfosResponse:
    return pb.CopyFileInfosResponse(file_ids=await call.ws.files.copy(request.user_id, list(request.file_ids)))


async def create_upload_session(call: Call, request: pb.CreateUploadSessionRequest) -> pb.CreateUploadSessionResponse:
    session = await call.ws.uploads.create(UploadSession.from_proto(request.upload_session))
    return pb.CreateUploadSessionResponse(upload_session=session.to_proto())


async def upload_data(call: Call, request: pb.UploadDataRequest) -> pb.UploadDataResponse:
    session = request.upload_session
    info = await call.ws.uploads.add(session.id, session.file_offset, request.data)
    return pb.UploadDataResponse(file_info=None if info is None else info.to_proto())


async def get_upload_session(call: Call, request: pb.GetUploadSessionRequest) -> pb.GetUploadSessionResponse:
    return pb.GetUploadSessionResponse(upload_session=(await call.ws.uploads.get(request.upload_id)).to_proto())
