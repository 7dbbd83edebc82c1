"""Files by id: whole, or not there."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servehttp.workspace.store.blobs import PIECE, Blobs

pytestmark = pytest.mark.anyio


async def pieces(*items: bytes, fails: bool = False) -> AsyncIterator[bytes]:
    for item in items:
        yield item
    if fails:
        raise ConnectionError


async def test_what_was_written_piece_by_piece_is_read_back_in_bounded_pieces(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "files")
    assert await blobs.write("a", pieces(b"x" * PIECE, b"y" * 10)) == PIECE + 10
    assert [len(piece) async for piece in blobs.stream("a")] == [PIECE, 10]
    assert await blobs.read("a") == b"x" * PIECE + b"y" * 10


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    with pytest.raises(ConnectionError):
        await blobs.write("a", pieces(b"x", fails=True))
    assert not os.listdir(tmp_path)


async def test_what_is_appended_can_be_read_once_it_is_finished(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    assert await blobs.append("a", b"one ", 0) == 4
    assert await blobs.append("a", b"lost", 4) == 8
    assert await blobs.append("a", b"two", 4) == 7
    with pytest.raises(FileNotFoundError):
        await blobs.read("a")
    await blobs.finish("a")
    assert await blobs.read("a") == b"one two"


async def test_what_was_removed_is_gone_and_removing_it_again_is_no_error(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    await blobs.write_bytes("a", b"x")
    await blobs.remove("a")
    await blobs.remove("a")
    assert not os.listdir(tmp_path)
