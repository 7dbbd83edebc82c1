"""From a request's body to the parts of its form."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeAlias

from multipart import parse_options_header
from starlette.requests import Request

from mattermost_plugin.forms.errors import FormTooLarge, MalformedForm
from mattermost_plugin.forms.events import FormEvent, PartHead
from mattermost_plugin.forms.limits import FormLimits
from mattermost_plugin.forms.multipart_form import MultipartFormParser
from mattermost_plugin.forms.parts import FormPart
from mattermost_plugin.forms.urlencoded import UrlencodedParser

FormParser: TypeAlias = MultipartFormParser | UrlencodedParser

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"


async def stream_form(request: Request, limits: FormLimits | None = None) -> AsyncGenerator[FormPart, None]:
    """The parts of a form, one after the other, as they come in.

    Args:
        request: its body is the form; nothing of it was read.
        limits: how much is taken; by default `FormLimits()`.

    Raises:
        MalformedForm: 400, the body is no form, or ends too early.
        FormTooLarge: 413, it is larger than is taken.
        starlette.requests.ClientDisconnect: the client is gone.
    """
    limits = limits or FormLimits()
    async with aclosing(_events(request, limits)) as events:
        async for event in events:
            if isinstance(event, PartHead):
                pieces = _pieces(events)
                yield FormPart(event, pieces, limits.field_size if event.filename is None else limits.file_size)
                async for _ in pieces:  # what was not read of it
                    pass


async def _events(request: Request, limits: FormLimits) -> AsyncGenerator[FormEvent, None]:
    parser = parser_for(request.headers.get("content-type", ""), limits)
    async for chunk in _body(request, limits.size):
        for event in parser.parse(chunk):
            yield event
    for event in parser.close():
        yield event


def parser_for(content_type: str, limits: FormLimits) -> FormParser:
    """What parses a form.

    Args:
        content_type: the request's.
        limits: how much is taken.

    Raises:
        MalformedForm: it is no form.
    """
    kind, options = parse_options_header(content_type)
    if kind == URLENCODED:
        return UrlencodedParser(limits)
    if kind != MULTIPART:
        raise MalformedForm(f"a form is {MULTIPART} or {URLENCODED}")
    if not options.get("boundary"):
        raise MalformedForm("the Content-Type names no boundary")
    return MultipartFormParser(options["boundary"], limits)


async def _body(request: Request, limit: int | None) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if limit is not None and size > limit:
            raise FormTooLarge(f"the form has more than {limit} bytes")
        if chunk:
            yield chunk


async def _pieces(events: AsyncGenerator[FormEvent, None]) -> AsyncGenerator[bytes, None]:
    """The rest of the part that has begun."""
    async for event in events:
        if not isinstance(event, bytes):
            return
        yield event
