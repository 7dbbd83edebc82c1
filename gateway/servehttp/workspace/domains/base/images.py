"""Images: what kind a file is, and a plain one for those who have none."""

from __future__ import annotations

import hashlib
import struct
import zlib

SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"BM": "image/bmp",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
SIDE = 128
"""Pixels of an image that is made here."""


def mime_type(data: bytes) -> str:
    """What kind of image it is; empty if it is none that is known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in SIGNATURES.items() if data.startswith(signature)), "")


def plain_image(seed: str) -> bytes:
    """A square PNG of one colour, always the same for the same seed."""
    colour = bytes(64 + part // 2 for part in hashlib.sha256(seed.encode()).digest()[:3])
    rows = (b"\x00" + colour * SIDE) * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
