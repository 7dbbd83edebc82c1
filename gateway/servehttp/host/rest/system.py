"""What a client asks of the server itself."""

from __future__ import annotations

from typing import Any

from servehttp.host.rest.call import OK, Call
from servehttp.host.rest.routes import Route


async def ping(call: Call) -> dict[str, Any]:
    """Whether the server is there."""
    return OK


ROUTES = [Route("GET", "/system/ping", ping, public=True)]
