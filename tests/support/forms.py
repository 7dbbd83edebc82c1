"""Forms as clients send them, and requests that have them for a body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from starlette.requests import Request

from mattermost_plugin.types import Event

BOUNDARY = "a-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
URLENCODED = "application/x-www-form-urlencoded"

Field = tuple[str, str | None, bytes]
"""Its name, of a file the name too, and what it holds."""


def multipart(fields: Iterable[Field]) -> bytes:
    """A whole multipart form."""
    return b"".join(_part(*field) for field in fields) + f"--{BOUNDARY}--\r\n".encode()


def _part(name: str, filename: str | None, data: bytes) -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + data + b"\r\n"


class FormRequest(Request):
    """A request whose body comes in the given pieces.

    Attributes:
        given: how many of them were asked for.
    """

    def __init__(self, content_type: str, pieces: Iterable[bytes]) -> None:
        self.given = 0
        self._pieces = iter(pieces)
        super().__init__(
            {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}, self._next
        )

    async def _next(self) -> Event:
        piece = next(self._pieces, None)
        self.given += 1
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}


def cut(data: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """A body in pieces."""
    start = 0
    for place in sorted(place % (len(data) + 1) for place in places):
        yield data[start:place]
        start = place
    yield data[start:]
