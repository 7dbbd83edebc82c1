"""What the plugin answers: whole, or piece by piece."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers

from mattermost_plugin import exchange
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.testing.errors import BrokenResponse
from mattermost_plugin.testing.events import ServerSentEvent, events_of
from mattermost_plugin.testing.serving import Call


@dataclass(frozen=True)
class Response:
    """A complete response."""

    status: int
    headers: Headers
    body: bytes

    @property
    def status_code(self) -> int:
        """The status, as other clients call it."""
        return self.status

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """What the body is the JSON of.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.body)


class ResponseStream:
    """A response whose body is read as it comes: as pieces by `receive` or iteration, as `events`, or whole by `read`.

    Every wait raises TimeoutError when the plugin sends nothing for the client's time-out.

    Args:
        call: what it comes from.
        head: how it began.

    Attributes:
        status: its status.
        headers: its headers.
        trailers: what came after its end; empty before.
    """

    def __init__(self, call: Call, head: exchange.Response) -> None:
        self.status = head.status
        self.headers = Headers(raw=list(head.headers))
        self.trailers = Headers(raw=[])
        self._call = call
        self._ended = False

    @property
    def status_code(self) -> int:
        """The status, as other clients call it."""
        return self.status

    async def receive(self) -> bytes:
        """The next piece of the body as the plugin sent it; empty once the body is complete.

        Raises:
            BrokenResponse: the plugin broke off.
        """
        if self._ended:
            return b""
        part = await next_part(self._call)
        if isinstance(part, exchange.Body):
            return part.data
        assert isinstance(part, exchange.End), f"a plugin sends no {type(part).__name__} here"
        self._ended = True
        self.trailers = Headers(raw=list(part.trailers))
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces of the body."""
        while piece := await self.receive():
            yield piece

    def events(self) -> AsyncIterator[ServerSentEvent]:
        """The body's server-sent events; `anext` of it gives one."""
        return events_of(self)

    async def read(self) -> Response:
        """The response with what is left of its body.

        Raises:
            BrokenResponse: the plugin broke off.
        """
        body = b"".join([piece async for piece in self])
        return Response(self.status, self.headers, body)

    def disconnect(self) -> None:
        """Go away, as a client that closes its connection; the plugin is told so."""
        self._call.leave()


async def next_part(call: Call) -> exchange.Part:
    """The next part of a response.

    Raises:
        BrokenResponse: there is none.
    """
    try:
        return await call.receive()
    except ExchangeReset as reset:
        raise BrokenResponse(f"the response broke off: {reset}") from None


async def response_of(call: Call) -> ResponseStream:
    """The response, once its head is here.

    Raises:
        BrokenResponse: the plugin gave none.
    """
    head = await next_part(call)
    assert isinstance(head, exchange.Response), f"a plugin sends no {type(head).__name__} here"
    return ResponseStream(call, head)
