"""Files of any size: up in pieces, down as something to read from."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypedDict

import grpc
import pytest

from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient, UnavailableError, ValidationError
from mattermost_plugin.grpc import api_file_bot_pb2 as pb
from mattermost_plugin.grpc.file_pb2 import FileInfo
from support.api_host import ApiHost, answer

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(250)) * 4
SIZE = len(CONTENT)


class Upload(TypedDict):
    user_id: str
    size: int
    piece_size: int


TO = Upload(user_id="u", size=SIZE, piece_size=300)


class Uploads:
    """A host's upload session, which takes pieces only where they belong."""

    def __init__(self, host: ApiHost) -> None:
        self.content = b""
        self.pieces: list[int] = []
        self.session = pb.UploadSession()
        self.lost_after: int | None = None
        """Bytes of the next piece that arrive before the connection is lost."""
        host.answers["CreateUploadSession"] = self._create
        host.answers["UploadData"] = self._add
        host.answers["GetUploadSession"] = self._get

    def _create(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.session.CopyFrom(request.upload_session)
        self.session.id = "upload"
        return pb.CreateUploadSessionResponse(upload_session=self.session)

    def _get(self, request: Any, context: grpc.ServicerContext) -> Any:
        assert request.upload_id == "upload"
        return pb.GetUploadSessionResponse(upload_session=self.session)

    def _add(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.upload_session.file_offset != len(self.content):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the data does not belong there")
        data = request.data if self.lost_after is None else request.data[: self.lost_after]
        self.pieces.append(len(data))
        self.content += data
        self.session.file_offset = len(self.content)
        if self.lost_after is not None:
            self.lost_after = None
            context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
        complete = len(self.content) == self.session.file_size
        info = FileInfo(id="file", size=len(self.content))
        return pb.UploadDataResponse(file_info=info if complete else None)


@pytest.fixture
def uploads(host: ApiHost) -> Uploads:
    return Uploads(host)


def chunks() -> Iterator[bytes]:
    for start in range(0, SIZE, 70):
        yield CONTENT[start : start + 70]


async def async_chunks() -> AsyncIterator[bytes]:
    for chunk in chunks():
        yield chunk


class AsyncFile:
    """A file whose `read` is awaited."""

    def __init__(self) -> None:
        self._file = io.BytesIO(CONTENT)

    async def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, 128))


SOURCES: list[Callable[[], Any]] = [lambda: io.BytesIO(CONTENT), chunks, lambda: CONTENT, lambda: [CONTENT]]


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_gives_bytes_is_uploaded_in_pieces(
    source: Callable[[], Any], uploads: Uploads, client: PluginAPIClient
) -> None:
    info = client.upload_stream(source(), "c", "name.bin", **TO)
    assert (info.id, info.size) == ("file", SIZE)
    assert uploads.content == CONTENT
    assert uploads.pieces == [300, 300, 300, 100]
    assert (uploads.session.channel_id, uploads.session.filename, uploads.session.user_id) == ("c", "name.bin", "u")
    assert uploads.session.file_size == SIZE


@pytest.mark.parametrize("source", [*SOURCES, async_chunks, AsyncFile])
async def test_the_async_client_takes_async_sources_as_well(
    source: Callable[[], Any], uploads: Uploads, async_client: AsyncPluginAPIClient
) -> None:
    info = await async_client.upload_stream(source(), "c", "name.bin", **TO)
    assert info.id == "file"
    assert uploads.content == CONTENT
    assert uploads.pieces == [300, 300, 300, 100]


@pytest.mark.parametrize("arrived", [0, 120, 300])
def test_a_piece_whose_call_is_lost_is_sent_from_where_the_host_is(
    arrived: int, uploads: Uploads, client: PluginAPIClient
) -> None:
    uploads.lost_after = arrived
    assert client.upload_stream(chunks(), "c", "n", **TO).id == "file"
    assert uploads.content == CONTENT
    assert uploads.pieces[0] == arrived


def test_an_upload_that_is_lost_twice_fails(host: ApiHost, uploads: Uploads, client: PluginAPIClient) -> None:
    host.fail("UploadData", grpc.StatusCode.UNAVAILABLE, times=2)
    with pytest.raises(UnavailableError):
        client.upload_stream(chunks(), "c", "n", **TO)


def test_an_upload_that_the_host_refuses_fails_at_once(
    host: ApiHost, uploads: Uploads, client: PluginAPIClient
) -> None:
    host.fail("UploadData", grpc.StatusCode.INVALID_ARGUMENT, "too small")
    with pytest.raises(ValidationError, match="too small"):
        client.upload_stream(chunks(), "c", "n", **TO)
    assert len(host.asked("UploadData")) == 1


def test_a_source_has_to_be_as_long_as_announced(uploads: Uploads, client: PluginAPIClient) -> None:
    with pytest.raises(ValueError, match="ended after 1000 of 1001 bytes"):
        client.upload_stream(chunks(), "c", "n", user_id="u", size=SIZE + 1)
    uploads.content = b""
    with pytest.raises(ValueError, match="more than the 999 bytes"):
        client.upload_stream(chunks(), "c", "n", user_id="u", size=SIZE - 1)


def test_a_file_can_be_read_from_and_iterated_over(host: ApiHost, client: PluginAPIClient) -> None:
    host.answers["GetFile"] = _file()
    with client.open_file("f") as file:
        assert (file.read(10), file.seek(990), file.read()) == (CONTENT[:10], 990, CONTENT[990:])
    assert [len(piece) for piece in client.iter_file("f", piece_size=400)] == [400, 400, 200]


async def test_a_file_can_be_iterated_over_in_async_code(host: ApiHost, async_client: AsyncPluginAPIClient) -> None:
    host.answers["GetFile"] = _file()
    assert b"".join([piece async for piece in async_client.iter_file("f", piece_size=64)]) == CONTENT
    assert (await async_client.open_file("f")).read() == CONTENT


def _file() -> Any:
    response = answer("GetFile")
    response.data = CONTENT
    return response
