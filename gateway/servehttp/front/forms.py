"""A bounded look into a form that is on its way: what was looked at still reaches the plugin, as it came."""

from __future__ import annotations

from urllib.parse import parse_qsl

from mattermost_plugin.exchange import Request
from mattermost_plugin.types import Event, Receive

LOOK = 64 * 1024
"""Bytes of a form that are looked at; a field that ends later is not found."""
URLENCODED = b"application/x-www-form-urlencoded"


async def look_into_form(request: Request, receive: Receive, field: str) -> tuple[str, Receive]:
    """A field of a request's urlencoded form.

    Args:
        request: its head.
        receive: ASGI, from the client; nothing of the body was received yet.
        field: the field's name.

    Returns:
        Its first value, or an empty text where there is none; and what receives the whole body.
    """
    kind = (request.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if request.websocket or kind != URLENCODED or request.header(b"x-csrf-token"):
        return "", receive
    messages, complete = await _first_messages(receive)
    seen = b"".join(message.get("body", b"") for message in messages)
    text = (seen if complete else seen.rpartition(b"&")[0]).decode("latin-1")
    value = next((value for name, value in parse_qsl(text[:LOOK]) if name == field), "")
    return value, _replaying(messages, receive)


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
