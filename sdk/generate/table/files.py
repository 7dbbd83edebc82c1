"""Files and uploads."""

from __future__ import annotations

from collections.abc import Sequence

from mattermost_plugin.grpc import api_file_bot_pb2
from mattermost_plugin.models import FileInfo, UploadSession
from notation import repeatable, transfer, wire


@repeatable
def get_file_info(file_id: str) -> FileInfo:
    """What is known of one file.

    Raises:
        NotFoundError: there is no such file.
    """


@repeatable
def get_file_infos(
    *,
    page: int = 0,
    per_page: int = 60,
    user_id: str = "",
    channel_id: str = "",
    include_deleted: bool = False,
    sort_by: str = "",
    sort_order: str = "",
) -> list[FileInfo]:
    """A page of what is known of the files that meet all conditions given; an empty value is no condition.

    Args:
        user_id: only files this user uploaded.
        channel_id: only files in this channel.
        sort_by: "CreateAt" or "Size"; empty means "CreateAt".
        sort_order: "desc"; anything else is ascending.
    """
    wire(
        options=api_file_bot_pb2.GetFileInfosOptions(
            user_id=user_id,
            channel_id=channel_id,
            include_deleted=include_deleted,
            sort_by=sort_by,
            sort_order=sort_order,
        )
    )


def set_file_searchable_content(file_id: str, content: str) -> None:
    """Set the text by which search finds a file.

    Args:
        content: plain text; it replaces what the server extracted.

    Raises:
        NotFoundError: there is no such file.
    """


@repeatable
@transfer
def get_file(file_id: str) -> bytes:
    """The content of a file, whole and in memory. `open_file` gives it as something to read from.

    Raises:
        NotFoundError: there is no such file.
        UnavailableError: the content is larger than one message may be: 100 MiB, unless `options` say otherwise.
    """


@repeatable
def get_file_link(file_id: str) -> str:
    """A link by which anyone can read a file.

    Raises:
        NotFoundError: there is no such file.
        PluginAPIError: public links are switched off (501).
    """


@repeatable
@transfer
def read_file(path: str) -> bytes:
    """The content of a path in the server's file store, whole and in memory.

    Args:
        path: relative to the file store, which is not the server's disk.

    Raises:
        NotFoundError: there is no such path.
        UnavailableError: the content is larger than one message may be: 100 MiB, unless `options` say otherwise.
    """


@transfer
def upload_file(data: bytes, channel_id: str, filename: str) -> FileInfo:
    """Upload a file to a channel, in one message. Name its id in `Post.file_ids` to show it.

    Known hosts take up to 4 MiB this way; `upload_stream` sends files of any size in pieces.

    Args:
        data: the content.
        filename: with its extension, by which the server knows the type.

    Raises:
        NotFoundError: there is no such channel.
        UnavailableError: the message is larger than the host takes.
        ValidationError: the file is larger than the server's settings allow.
    """


def copy_file_infos(user_id: str, file_ids: Sequence[str]) -> list[str]:
    """Make new ids for the same contents, ready to be attached to another post; returned in the order asked.

    Args:
        user_id: owner of the copies.

    Raises:
        NotFoundError: one of the files does not exist.
    """


def create_upload_session(session: UploadSession) -> UploadSession:
    """Begin an upload in pieces that can be resumed, and return it with its id. `upload_stream` does all of it.

    Args:
        session: `user_id`, `channel_id`, `filename` and `file_size` (bytes in all) are needed.

    Raises:
        NotFoundError: there is no such channel.
        ValidationError: a field is missing, or the file is larger than the server's settings allow.
    """
    wire(upload_session=session)


@transfer
def upload_data(session: UploadSession, data: bytes) -> FileInfo | None:
    """Add data to an upload, and return the file once all is there, None before.

    Args:
        session: the upload; the data belongs at its `file_offset`, so take a fresh one for each piece.
        data: the next piece, at most 4 MiB for known hosts.

    Raises:
        NotFoundError: there is no such upload.
        ValidationError: the data does not belong at `file_offset`, or is more than was announced.
    """
    # The reference returns an empty FileInfo where the wire has none.
    wire(upload_session=session)


@repeatable
def get_upload_session(upload_id: str) -> UploadSession:
    """How far an upload is: `file_offset` counts the bytes the server has.

    Raises:
        NotFoundError: there is no such upload, or it is complete.
    """
