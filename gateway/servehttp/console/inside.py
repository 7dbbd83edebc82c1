"""Asks the workspace's REST API for whoever asks the console, in this process and with their own rights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mattermost_plugin.types import ASGIApp, Event
from servehttp.console.problems import Problem

if TYPE_CHECKING:  # loaded when somebody comes
    from starlette.requests import HTTPConnection

PREFIX = "/api/v4"
LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes."""
PASSED_ON = frozenset((b"host", b"authorization", b"cookie", b"user-agent", b"accept-language"))
CSRF = b"x-csrf-token"
OF_ROUTE = frozenset(("endpoint", "path_params", "router", "app"))
"""What Starlette puts into the scope of the console's own route, which is not this one's."""


@dataclass(frozen=True)
class Answer:
    """What the API has answered.

    Attributes:
        status: of the answer.
        headers: of the answer.
        body: the bytes.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def value(self) -> Any:
        """What it has in it.

        Raises:
            Problem: it is a refusal; the text is the API's.
        """
        try:
            value = json.loads(self.body) if self.body else None
        except ValueError:
            value = None
        if self.status < 400:
            return value
        found = value if isinstance(value, Mapping) else {}
        raise Problem(self.status, str(found.get("message") or "This was refused."))


class Inside:
    """The API, as one request to the console reaches it.

    Args:
        app: the API, an ASGI application.
        connection: the request.
        csrf: what shows that a page of ours has sent it, which was checked.
    """

    def __init__(self, app: ASGIApp, connection: HTTPConnection, csrf: str) -> None:
        self._app = app
        self._connection = connection
        self._csrf = csrf

    async def get(self, path: str, query: str = "") -> Any:
        """What is there.

        Raises:
            Problem: it is refused.
        """
        return (await self.ask("GET", path, query=query)).value()

    async def send(self, method: str, path: str, body: object = None) -> Any:
        """Change something.

        Raises:
            Problem: it is refused.
        """
        return (await self.ask(method, path, body)).value()

    async def ask(self, method: str, path: str, body: object = None, query: str = "") -> Answer:
        """Ask, and wait for the whole answer.

        Args:
            method: of HTTP.
            path: below `PREFIX`.
            body: becomes JSON, unless it is None.
            query: of the address.

        Raises:
            Problem: there is more than may be.
        """
        content = b"" if body is None else json.dumps(body).encode()
        sent, collected = _Sent(content), _Collected()
        await self._app(self._scope(method, path, query, len(content)), sent, collected)
        return collected.answer()

    def _scope(self, method: str, path: str, query: str, length: int) -> dict[str, Any]:
        scope = self._connection.scope
        root, full = scope.get("root_path", ""), f"{PREFIX}{path}"
        headers = [(name, value) for name, value in scope["headers"] if name in PASSED_ON]
        if method != "GET":
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
            headers.append((CSRF, self._csrf.encode()))
        rest = {name: value for name, value in scope.items() if name not in OF_ROUTE}
        return rest | {
            "method": method,
            "path": root + full,
            "raw_path": (root + quote(full)).encode(),
            "query_string": query.encode(),
            "headers": headers,
        }


class _Sent:
    """The body, and then nothing more."""

    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content

    async def __call__(self) -> Event:
        if self._content is None:
            return {"type": "http.disconnect"}
        content, self._content = self._content, None
        return {"type": "http.request", "body": content, "more_body": False}


class _Collected:
    """The answer, as far as it has come."""

    def __init__(self) -> None:
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()

    async def __call__(self, message: Event) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if len(self._body) > LARGEST_ANSWER:
                raise Problem(500, "The workspace's answer is too large to be shown.")

    def answer(self) -> Answer:
        return Answer(self._status, self._headers, bytes(self._body))
