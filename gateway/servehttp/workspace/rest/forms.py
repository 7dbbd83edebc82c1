"""Forms with files, read while they come in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import Request

from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.rest.errors import too_large
from servehttp.workspace.rest.json import NUL

FIELDS_MAX = 64
"""Parts of one form."""


@dataclass(frozen=True)
class FormPart:
    """One part of a form.

    Attributes:
        name: the field's name.
        filename: empty for what is no file.
        pieces: what it holds, as it comes in; what is not read of it is passed over.
    """

    name: str
    filename: str
    pieces: AsyncIterator[bytes]

    async def read(self, limit: int) -> bytes:
        """All of it.

        Raises:
            AppFailure: 413, it is larger than the limit.
        """
        return b"".join([piece async for piece in at_most(limit, self.pieces)])

    async def text(self, limit: int) -> str:
        """All of it, as text.

        Raises:
            AppFailure: 413, it is larger than the limit; 400, it is no text.
        """
        try:
            text = (await self.read(limit)).decode()
        except UnicodeDecodeError:
            raise _malformed() from None
        if NUL in text:
            raise _malformed()
        return text


async def parts(request: Request) -> AsyncIterator[FormPart]:
    """The parts of a form, one after the other. One that is not read to its end is, before the next one comes.

    Raises:
        AppFailure: 400, the body is no form, or ends too early.
    """
    events = _events(request)
    async for event in events:
        if isinstance(event, MultipartSegment):
            if NUL in (event.filename or ""):
                raise _malformed()
            pieces = _pieces(events)
            yield FormPart(event.name, event.filename or "", pieces)
            async for _ in pieces:
                pass


async def at_most(limit: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What comes, as long as it is no more than so many bytes.

    Raises:
        AppFailure: 413, it is.
    """
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        yield piece


async def file_of(request: Request, name: str, limit: int) -> bytes:
    """A small file of a form, whole.

    Raises:
        AppFailure: 400, there is none of this name; 413, it is larger than the limit.
    """
    async for part in parts(request):
        if part.name == name:
            return await part.read(limit)
    raise no_file(name)


def no_file(name: str) -> AppFailure:
    """400: the form has no such file."""
    return invalid("api.context.invalid_body_param.app_error", f"The form has no file {name}.", Name=name)


async def _events(request: Request) -> AsyncIterator[MultipartSegment | bytes | None]:
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise _malformed()
    try:
        with PushMultipartParser(options["boundary"], max_segment_count=FIELDS_MAX) as parser:
            async for chunk in request.stream():
                for event in parser.parse(chunk):
                    yield event if isinstance(event, MultipartSegment) or event is None else bytes(event)
    except MultipartError:
        raise _malformed() from None


async def _pieces(events: AsyncIterator[MultipartSegment | bytes | None]) -> AsyncIterator[bytes]:
    """The rest of the part that has begun."""
    async for event in events:
        if not isinstance(event, bytes):
            return
        yield event


def _malformed() -> AppFailure:
    return invalid("api.context.invalid_body_param.app_error", "The body is no whole form with files.", Name="body")
