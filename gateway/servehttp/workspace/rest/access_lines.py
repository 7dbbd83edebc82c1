"""Requests to the REST API in the access log: one line for each, and for each WebSocket, when it has ended."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from mattermost_plugin.request_id import EXTENSION, current, has_form, request_id_of
from mattermost_plugin.types import ASGIApp, Event, Receive, Scope, Send
from servehttp.request_lines import CLIENT_GONE, STOPPED, log_request
from servehttp.workspace.ids import new_id

NOTES: Final = "servehttp.rest.notes"
"""In a scope: further fields of the line, for who finds them out."""
REQUEST_ID: Final = b"x-request-id"
CLOSED: Final = 403
"""What servers answer a handshake with that is closed before it was accepted."""


def note(scope: Scope, **fields: str) -> None:
    """Have the line about a request say more, if it has one."""
    notes: dict[str, str] = scope.get(NOTES, {})
    notes.update(fields)


class AccessLines:
    """Gives each request an id, which its answer has as well, and writes its line.

    Args:
        app: answers.
        write: whether lines are written.
    """

    def __init__(self, app: ASGIApp, *, write: bool) -> None:
        self._app = app
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request_id_of(scope) or _given_id(scope) or new_id()
        current.set(request_id)
        scope.setdefault("extensions", {})[EXTENSION] = {"id": request_id}
        scope[NOTES] = {}
        line = _Line(scope, receive, send, request_id)
        try:
            await self._app(scope, line.receive, line.send)
        except asyncio.CancelledError:  # by the server, which ends and waits no longer
            line.problem = STOPPED
            raise
        finally:
            if self._write:
                line.write()


class _Line:
    """One request, as it goes by."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self.problem: str | None = None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._began = time.perf_counter()
        self._first_byte: float | None = None
        self._status = 0
        self._bytes_in = 0
        self._bytes_out = 0
        self._complete = False

    async def receive(self) -> Event:
        event = await self._receive()
        self._bytes_in += _size(event)
        if event["type"] == "http.disconnect" and not self._complete:
            self.problem = CLIENT_GONE
        elif event.get("stopped"):  # a WebSocket's disconnect, of the gateway's own server
            self.problem = STOPPED
        return event

    async def send(self, event: Event) -> None:
        kind = event["type"]
        if kind.endswith(".start"):
            self._begin(event["status"])
            if REQUEST_ID not in [name.lower() for name, _ in event.get("headers", ())]:
                event["headers"] = [*event.get("headers", ()), (REQUEST_ID, self._request_id.encode())]
        elif kind == "websocket.accept":
            self._begin(101)
        elif kind == "websocket.close" and self._first_byte is None:
            self._begin(CLOSED)
        elif self._scope.get("method") != "HEAD":
            self._bytes_out += _size(event)
        await self._send(event)
        self._complete = self._complete or (kind == "http.response.body" and not event.get("more_body"))

    def write(self) -> None:
        now = time.perf_counter()
        scope, client = self._scope, self._scope.get("client")
        method = scope.get("method", "WEBSOCKET")
        log_request(
            f"{method} {scope.get('raw_path', b'').decode('latin-1') or scope['path']}",
            status=self._status,
            plugin="",
            client=client[0] if client else "",
            seconds=((self._first_byte or now) - self._began, now - self._began),
            sizes=(self._bytes_in, self._bytes_out),
            request_id=self._request_id,
            problem=self.problem,
            **scope[NOTES],
        )

    def _begin(self, status: int) -> None:
        self._status, self._first_byte = int(status), time.perf_counter()


def _given_id(scope: Scope) -> str:
    """The id that the client gave its request, if it has the form of one."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == REQUEST_ID), "")
    return given if has_form(given) else ""


def _size(event: Event) -> int:
    data: Any = event.get("body") or event.get("bytes") or (event.get("text") or "").encode()
    return len(data)
