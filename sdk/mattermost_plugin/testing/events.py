"""Server-sent events out of the pieces of a body."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerSentEvent:
    """One event, as a browser would get it."""

    data: str
    event: str = "message"
    id: str = ""
    """The last id that the stream has told."""


async def events_of(body: AsyncIterable[bytes]) -> AsyncIterator[ServerSentEvent]:
    """The events, each as soon as its last line is here. Comments, and an event without data, are none."""
    fields: dict[str, str] = {}
    last_id = ""
    async for line in lines_of(body):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            last_id = value
        elif name == "data" and "data" in fields:
            fields["data"] += "\n" + value
        elif name in ("data", "event"):
            fields[name] = value
        elif not line:
            if "data" in fields:
                yield ServerSentEvent(fields["data"], fields.get("event") or "message", last_id)
            fields = {}


async def lines_of(body: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The complete lines, ended by CR LF, LF or CR, as soon as each is here; one without an end is none."""
    rest, after_cr = b"", False
    async for piece in body:
        if after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        after_cr = piece.endswith(b"\r")
        *lines, rest = (rest + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
