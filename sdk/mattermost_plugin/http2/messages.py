"""Messages of gRPC within data: whether it is compressed, its length, and then the message itself."""

from __future__ import annotations

import math
import re
from typing import Final

PREFIX_SIZE: Final = 5
"""Bytes before a message."""
MAX_LITTLE: Final = 1000
"""Frames of data in a row that bring no more than the prefix of a message, and end none: nobody needs them, and each is
work."""

_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_UNITS: Final = (("u", 1e6), ("m", 1e3), ("S", 1.0), ("M", 1 / 60))
_LARGEST_COUNT: Final = 99_999_999


def prefixed(message: bytes) -> bytes:
    """A message as it stands in data."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def prefix(size: int) -> bytes:
    """What stands before a message of so many bytes."""
    return b"\0" + size.to_bytes(4, "big")


def size_in(data: bytes, start: int) -> int:
    """How long the message is whose prefix begins at `start`; negative for one that is compressed."""
    if data[start]:
        return -1
    return data[start + 1] << 24 | data[start + 2] << 16 | data[start + 3] << 8 | data[start + 4]


def encoded_timeout(seconds: float) -> str:
    """A deadline for the head of a request: never shorter, and as exact as eight digits allow."""
    for unit, in_second in _UNITS:
        count = math.ceil(max(seconds, 0.0) * in_second)
        if count <= _LARGEST_COUNT:
            return f"{count}{unit}"
    return f"{min(math.ceil(seconds / 3600), _LARGEST_COUNT)}H"


def decoded_timeout(value: bytes) -> float | None:
    """Seconds; None for what is no time."""
    found = _TIMEOUT.fullmatch(value)
    return None if found is None else int(found[1]) * _SECONDS[found[2]]
