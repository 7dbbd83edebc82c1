"""Ids and times as Mattermost has them: 26 letters and digits, milliseconds since the epoch."""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], int]
"""Gives the present moment, in milliseconds since the epoch."""

LENGTH = 26
RANDOM_BYTES = 16

_ALPHABET = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"ybndrfg8ejkmcpqxot1uwisza345h769")
_VALID = re.compile(r"[a-z0-9]{26}", re.ASCII)


def now() -> int:
    """The present moment, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A random id, which nobody can guess."""
    return base64.b32encode(secrets.token_bytes(RANDOM_BYTES)).rstrip(b"=").translate(_ALPHABET).decode()


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _VALID.fullmatch(text) is not None
