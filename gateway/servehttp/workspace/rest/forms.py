"""Forms: those with files, read while they come in, and small ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request

from mattermost_plugin import forms
from mattermost_plugin.forms import FormLimits, stream_form
from mattermost_plugin.forms.streaming import MULTIPART
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.rest.errors import too_large
from servehttp.workspace.rest.json import NUL

LIMITS = FormLimits(parts=64, field_size=None)
"""What is taken of one form; the sizes of its parts are for whoever reads them."""

SMALL = FormLimits(parts=8, field_size=4096, file_size=0, size=16 * 1024)
"""What is taken of a form of a few fields."""


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
        AppFailure: 400, the body is no form with files, or ends too early.
    """
    if not request.headers.get("Content-Type", "").startswith(MULTIPART):
        raise _malformed()
    with _refusals():
        async for part in stream_form(request, LIMITS):
            if NUL in (part.filename or ""):
                raise _malformed()
            yield FormPart(part.name, part.filename or "", _pieces(part))


async def small_form(request: Request) -> dict[str, str]:
    """The fields of a form of a few, multipart or urlencoded; files in it are passed over.

    Raises:
        AppFailure: 400, the body is no such form; 413, it is larger than one.
    """
    with _refusals():
        try:
            form = {part.name: await part.text() async for part in stream_form(request, SMALL) if part.filename is None}
        except forms.FormTooLarge:
            raise too_large(SMALL.size or 0) from None
    if any(NUL in value for value in form.values()):
        raise _malformed()
    return form


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


async def _pieces(part: forms.FormPart) -> AsyncIterator[bytes]:
    with _refusals():
        async for piece in part:
            yield piece


@contextmanager
def _refusals() -> Iterator[None]:
    """Tells of a form that is not taken as the API does."""
    try:
        yield
    except forms.FormError:
        raise _malformed() from None


def _malformed() -> AppFailure:
    return invalid(
        "api.context.invalid_body_param.app_error", "The body is no such form, or no whole one.", Name="body"
    )
