"""Frames of HTTP/2: RFC 9113 §4 and §6."""

from __future__ import annotations

import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0
HEADERS: Final = 1
PRIORITY_FRAME: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
ENHANCE_YOUR_CALM: Final = 11
INADEQUATE_SECURITY: Final = 12

HEAD_SIZE: Final = 9
"""Bytes before a frame's payload."""
PRIORITY_SIZE: Final = 5
"""Bytes that say of a stream what others it comes before; nobody heeds them any more."""
PING_SIZE: Final = 8
GOAWAY_SIZE: Final = 8
"""At least: a text may follow."""
NUMBER_SIZE: Final = 4
SETTING_SIZE: Final = 6
FIRST_WINDOW: Final = 65_535
FIRST_FRAME_SIZE: Final = 16_384
FRAME_SIZE_LIMIT: Final = 2**24
LARGEST_WINDOW: Final = 2**31 - 1
LARGEST_STREAM: Final = 2**31 - 1

_KINDS: Final = [[bytes((kind, flags)) for flags in range(256)] for kind in range(CONTINUATION + 1)]
"""The two bytes that say what a frame is."""


def frame_head(size: int, kind: int, flags: int, stream: int) -> bytes:
    """What stands before a payload of so many bytes."""
    return size.to_bytes(3, "big") + _KINDS[kind][flags] + stream.to_bytes(4, "big")


def number(value: int) -> bytes:
    """A number of four bytes, as frames have them."""
    return value.to_bytes(4, "big")


# Byte by byte, here and below: compiled, that is a fifth of what `int.from_bytes` costs.


def size_in(data: bytes, start: int) -> int:
    """The length of the payload that a frame's first three bytes tell."""
    return data[start] << 16 | data[start + 1] << 8 | data[start + 2]


def number_in(payload: bytes, start: int = 0) -> int:
    """A number of four bytes, without the bit that means nothing."""
    return (payload[start] & 127) << 24 | payload[start + 1] << 16 | payload[start + 2] << 8 | payload[start + 3]


def settings_payload(settings: list[tuple[int, int]]) -> bytes:
    """The payload of SETTINGS."""
    return b"".join([struct.pack(">HI", key, value) for key, value in settings])


def settings_in(payload: bytes) -> list[tuple[int, int]]:
    """Keys and values of SETTINGS whose length is that of whole ones."""
    return list(struct.iter_unpack(">HI", payload))
