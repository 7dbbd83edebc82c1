"""Responses without a length for HTTP/1.0: the end of the connection is the only end they can have (RFC 9112 §6.1)."""

from __future__ import annotations

from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class CloseDelimited:
    """An application whose response goes out without chunks, which uvicorn's cycle sends to HTTP/1.0 as well.

    Args:
        cycle: that of the request.
        app: answers it.
    """

    def __init__(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._cycle = cycle
        self._app = app
        self._has_length = True

    async def __call__(self, scope: Any, receive: Any, _send: Any) -> None:
        """ASGI."""
        await self._app(scope, receive, self._send)

    async def _send(self, event: Any) -> None:
        if event["type"] == "http.response.start":
            self._has_length = any(name.lower() == b"content-length" for name, _ in event.get("headers", ()))
            if not self._has_length:
                self._cycle.chunked_encoding = False
        elif not self._has_length:
            self._cycle.expected_content_length = len(event.get("body", b""))  # it is never wrong
        await self._cycle.send(event)
