"""How large an image is, read from the beginning of its file."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import TypeAlias

from servehttp.workspace.domains.base.images import mime_type

Size: TypeAlias = tuple[int, int]

NO_SIZE: Size = (0, 0)
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers among those of frames that are something else."""


def image_size(head: bytes) -> Size:
    """Width and height in pixels; zeros for what is no image that is known, or is cut too short to tell."""
    reader = _READERS.get(mime_type(head))
    if reader is None:
        return NO_SIZE
    try:
        return reader(head)
    except (struct.error, IndexError):
        return NO_SIZE


def _png(head: bytes) -> Size:
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _gif(head: bytes) -> Size:
    width, height = struct.unpack_from("<HH", head, 6)
    return width, height


def _bmp(head: bytes) -> Size:
    width, height = struct.unpack_from("<ii", head, 18)
    return width, abs(height)


def _jpeg(head: bytes) -> Size:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        (length,) = struct.unpack_from(">H", head, at + 2)
        at += 2 + length
    return NO_SIZE


def _webp(head: bytes) -> Size:
    kind = head[12:16]
    if kind == b"VP8X":
        width, wide, height, high = struct.unpack_from("<HBHB", head, 24)
        return (wide << 16 | width) + 1, (high << 16 | height) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF


_READERS: Mapping[str, Callable[[bytes], Size]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/bmp": _bmp,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
}
