"""Sizes of images, read from the beginnings of their files."""

from __future__ import annotations

import struct

import pytest

from servehttp.workspace.domains.base.image_sizes import image_size
from servehttp.workspace.domains.base.images import plain_image

EXIF = b"\xff\xe1" + struct.pack(">H", 10) + bytes(8)
HUFFMAN = b"\xff\xc4" + struct.pack(">H", 4) + bytes(2)
FRAME = b"\xff\xc2" + struct.pack(">HBHH", 11, 8, 40, 30)


@pytest.mark.parametrize(
    "head",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + struct.pack(">II", 30, 40),
        b"GIF89a" + struct.pack("<HH", 30, 40),
        b"BM" + bytes(16) + struct.pack("<ii", 30, -40),
        b"\xff\xd8" + EXIF + HUFFMAN + FRAME,
        b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(10) + struct.pack("<HH", 30, 40),
        b"RIFF" + bytes(4) + b"WEBPVP8L" + bytes(5) + struct.pack("<I", 29 | 39 << 14),
        b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + bytes([29, 0, 0, 39, 0, 0]),
    ],
    ids=["png", "gif", "bmp", "jpeg", "webp", "webp lossless", "webp extended"],
)
def test_the_size_of_an_image_is_known_from_its_beginning(head: bytes) -> None:
    assert image_size(head) == (30, 40)
    assert image_size(head[:-1]) == (0, 0)


def test_what_is_no_image_has_no_size() -> None:
    assert image_size(b"text") == image_size(b"") == image_size(b"\xff\xd8" + b"\xff\xd9") == (0, 0)
    assert image_size(plain_image("x")) == (128, 128)
