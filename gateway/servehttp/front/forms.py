"""A bounded look into a form that is on its way: what was looked at still reaches the plugin, as it came."""

from __future__ import annotations

from collections.abc import Iterator

from mattermost_plugin.exchange import Request
from mattermost_plugin.forms.errors import FormError
from mattermost_plugin.forms.events import FormEvent, PartHead
from mattermost_plugin.forms.limits import FormLimits
from mattermost_plugin.forms.streaming import FormParser, parser_for
from mattermost_plugin.types import Event, Receive

LOOK = 64 * 1024
"""Bytes of a form that are looked at; a field that ends later is not found."""


async def look_into_form(request: Request, receive: Receive, field: str) -> tuple[str, Receive]:
    """A field of a request's form, urlencoded or multipart.

    Args:
        request: its head.
        receive: ASGI, from the client; nothing of the body was received yet.
        field: the field's name.

    Returns:
        Its first value, or an empty text where there is none; and what receives the whole body.
    """
    parser = _parser(request)
    if request.websocket or parser is None or request.header(b"x-csrf-token"):
        return "", receive
    messages, complete = await _first_messages(receive)
    seen = b"".join(message.get("body", b"") for message in messages)
    return _value(parser, seen[:LOOK], complete and len(seen) <= LOOK, field), _replaying(messages, receive)


def _parser(request: Request) -> FormParser | None:
    try:
        return parser_for((request.header(b"content-type") or b"").decode("latin-1"), FormLimits())
    except FormError:
        return None


def _value(parser: FormParser, seen: bytes, complete: bool, field: str) -> str:
    """The first value of a field that is whole."""
    value: bytes | None = None
    try:
        for event in _events(parser, seen, complete):
            if isinstance(event, PartHead):
                value = b"" if event.name == field and event.filename is None else None
            elif value is not None and event is not None:
                value += event
            elif value is not None:
                return value.decode("utf-8", "replace")
    except FormError:
        return ""
    return ""


def _events(parser: FormParser, seen: bytes, complete: bool) -> Iterator[FormEvent]:
    yield from parser.parse(seen)
    if complete:
        yield from parser.close()


async def _first_messages(receive: Receive) -> tuple[list[Event], bool]:
    """What comes until the body is complete, the look is over, or the client is gone; and whether it is complete."""
    messages: list[Event] = []
    size = 0
    while size < LOOK:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages, message["type"] == "http.request"
    return messages, False


def _replaying(messages: list[Event], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def replay() -> Event:
        message = next(waiting, None)
        return message if message is not None else await receive()

    return replay
