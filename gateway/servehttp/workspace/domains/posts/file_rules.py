"""What is known of a file by its name, and where it lies as ReadFile sees it."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from pathlib import PurePosixPath

NAME_MAX = 256
"""Characters of a file's name."""


def base_name(filename: str) -> str:
    """A name without folders, and no longer than a name may be."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    return name[-NAME_MAX:]


def extension(name: str) -> str:
    """In lower case, without the dot."""
    return PurePosixPath(name).suffix[1:].lower()


def type_by_name(name: str) -> str:
    """The MIME type that a name stands for; empty if it is not known."""
    return mimetypes.guess_type(name)[0] or ""


def path_of(id: str, name: str, channel_id: str, user_id: str, at: int) -> str:
    """The path of a file in the file store; `at` is when it came, in milliseconds since the epoch."""
    day = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m%d")
    return f"{day}/teams/noteam/channels/{channel_id}/users/{user_id}/{id}/{name}"
