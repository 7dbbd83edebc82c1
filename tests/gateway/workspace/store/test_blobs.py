"""Files by id: whole, or not there. In a folder and in a bucket of a server that speaks S3."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast
from urllib.request import Request, urlopen

import pytest
from moto.server import ThreadedMotoServer

from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.store.blob_copies import Copied, copy_blobs
from servehttp.workspace.store.blobs import PIECE, Blobs
from servehttp.workspace.store.bucket_blobs import PART, WINDOW
from servehttp.workspace.store.files_place import open_blobs
from servehttp.workspace.store.outages import StoreUnavailable

pytestmark = pytest.mark.anyio

BUCKET = "workspace"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    urlopen(Request(f"{endpoint}/{BUCKET}", method="PUT")).close()
    yield endpoint
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        return open_blobs(WorkspaceSettings(files=f"file:{tmp_path}/files"), tmp_path / "unused")
    request.getfixturevalue("credentials")
    endpoint = cast(str, request.getfixturevalue("s3_server"))
    place = f"s3://{BUCKET}/{request.node.name.partition('[')[0]}"
    return open_blobs(WorkspaceSettings(files=place, files_endpoint=endpoint), tmp_path / "unused")


async def pieces(*items: bytes, fails: bool = False) -> AsyncIterator[bytes]:
    for item in items:
        yield item
    if fails:
        raise ConnectionError


async def test_what_was_written_piece_by_piece_is_read_back_in_bounded_pieces(blobs: Blobs) -> None:
    assert await blobs.write("a", pieces(b"x" * PIECE, b"y" * 10)) == PIECE + 10
    assert [len(piece) async for piece in blobs.stream("a")] == [PIECE, 10]
    assert await blobs.read("a") == b"x" * PIECE + b"y" * 10


async def test_a_file_of_several_parts_and_windows_is_read_back_as_it_was(blobs: Blobs) -> None:
    parts = [b"1" * PART, b"2" * PART, b"3" * (WINDOW - 1)]
    assert await blobs.write("large", pieces(*parts)) == 2 * PART + WINDOW - 1
    assert await blobs.read("large") == b"".join(parts)


async def test_an_empty_file_is_a_file(blobs: Blobs) -> None:
    assert await blobs.write("empty", pieces()) == 0
    assert await blobs.read("empty") == b""


@pytest.mark.parametrize("sent", [b"x", b"x" * (2 * PART + 1)], ids=["small", "of several parts"])
async def test_an_upload_that_breaks_off_is_no_file(blobs: Blobs, sent: bytes) -> None:
    with pytest.raises(ConnectionError):
        await blobs.write("broken", pieces(sent, fails=True))
    with pytest.raises(FileNotFoundError):
        await blobs.read("broken")


async def test_what_is_appended_can_be_read_once_it_is_finished(blobs: Blobs) -> None:
    assert await blobs.append("b", b"one ", 0) == 4
    assert await blobs.append("b", b"lost", 4) == 8
    assert await blobs.append("b", b"two", 4) == 7
    with pytest.raises(FileNotFoundError):
        await blobs.read("b")
    with pytest.raises(StoreUnavailable):
        await blobs.finish("b", 8)
    await blobs.finish("b", 7)
    assert await blobs.read("b") == b"one two"
    with pytest.raises(FileNotFoundError):
        await blobs.finish("b", 7)


async def test_what_was_removed_is_gone_and_removing_it_again_is_no_error(blobs: Blobs) -> None:
    await blobs.write_bytes("c", b"x")
    await blobs.append("d", b"x", 0)
    for id in "cd":
        await blobs.remove(id)
        await blobs.remove(id)
    with pytest.raises(FileNotFoundError):
        await blobs.read("c")
    with pytest.raises(FileNotFoundError):
        await blobs.finish("d", 1)


async def test_files_are_copied_once_and_what_differs_is_copied_again(blobs: Blobs, tmp_path: Path) -> None:
    source = open_blobs(WorkspaceSettings(), tmp_path / "source")
    await source.write_bytes("a", b"one")
    await source.write_bytes("b", b"x" * (PART + 1))
    await source.append("unfinished", b"x", 0)
    await blobs.write_bytes("a", b"cut")
    await blobs.write_bytes("b", b"x")
    assert await copy_blobs(source, blobs) == Copied(files=1, size=PART + 1, there=1)
    assert await copy_blobs(source, blobs) == Copied(files=0, size=0, there=2)
    assert await blobs.read("b") == b"x" * (PART + 1)


async def test_another_gateway_takes_the_next_piece_of_an_upload_to_a_bucket(
    credentials: None, s3_server: str, tmp_path: Path
) -> None:
    settings = WorkspaceSettings(files=f"s3://{BUCKET}/shared", files_endpoint=s3_server)
    one, other = open_blobs(settings, tmp_path / "one"), open_blobs(settings, tmp_path / "other")
    await one.append("a", b"one ", 0)
    await other.append("a", b"two", 4)
    await one.finish("a", 7)
    assert await other.read("a") == b"one two"


async def test_a_bucket_whose_server_is_away_is_an_outage(credentials: None, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = WorkspaceSettings(files="s3://bucket", files_endpoint=endpoint, files_retries=0)
        away = open_blobs(settings, tmp_path)
        with pytest.raises(StoreUnavailable):
            await away.write_bytes("a", b"x")
        with pytest.raises(StoreUnavailable):
            await away.write("a", pieces(b"x" * (PART + 1)))
        with pytest.raises(StoreUnavailable):
            await away.append("a", b"x", 0)
        with pytest.raises(StoreUnavailable):
            await away.read("a")
        with pytest.raises(StoreUnavailable):
            await away.remove("a")


async def test_a_bucket_that_is_not_there_is_an_outage_for_who_writes(
    credentials: None, s3_server: str, tmp_path: Path
) -> None:
    settings = WorkspaceSettings(files="s3://missing", files_endpoint=s3_server)
    with pytest.raises(StoreUnavailable):
        await open_blobs(settings, tmp_path).write_bytes("a", b"x")


@pytest.mark.parametrize(
    "place", ["files", "file:relative", "file://host/x", "s3://", "s3://key@bucket", "gs://bucket"]
)
def test_a_place_that_cannot_be_used_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="file:/PATH or s3://BUCKET/PREFIX"):
        WorkspaceSettings(files=place)


def test_what_a_bucket_needs_is_named_where_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "servehttp.workspace.store.bucket_blobs")
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ImportError, match=r"s3://bucket, which needs servehttp\[s3\]"):
        open_blobs(WorkspaceSettings(files="s3://bucket"), tmp_path)
