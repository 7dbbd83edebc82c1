"""The few answers that the gateway gives itself: small JSON that says what happened and nothing of the inside."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from html import escape
from http import HTTPStatus
from typing import Final

from mattermost_plugin.types import Send
from servehttp.front.own_pages import HEADERS, JSON, page, pairs, prefers_html

RETRY_AFTER: Final = 1
"""Seconds after which a client may try a plugin again that is starting, or restarting."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of the gateway's own.

    Attributes:
        status: the HTTP status.
        message: one sentence for the client.
        plugin_id: which plugin it is about, if any.
        retry_after: seconds, where trying again helps.
        headers: more of them.
        last: the connection ends with it.
        html: it is a page, and not JSON.
    """

    status: int
    message: str
    plugin_id: str | None = None
    retry_after: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    last: bool = False
    html: bool = False

    def told_to(self, accept: bytes | None) -> Refusal:
        """The same for a client with this `Accept`: a page, if it would rather have one."""
        return replace(self, html=True) if prefers_html(accept) else self

    def body(self, request_id: bytes) -> bytes:
        """The page, or the JSON text."""
        if self.html:
            return self._page(request_id)
        error: dict[str, object] = {"status": self.status, "message": self.message}
        if self.plugin_id is not None:
            error["plugin"] = self.plugin_id
        error["request_id"] = request_id.decode()
        return json.dumps({"error": error}).encode()

    def _page(self, request_id: bytes) -> bytes:
        known = {"plugin": self.plugin_id} if self.plugin_id is not None else {}
        sentence = f"<p>{escape(self.message[:1].upper() + self.message[1:])}.</p>\n"
        title = f"{int(self.status)} {HTTPStatus(self.status).phrase}"
        return page(title, sentence + pairs(known | {"request": request_id.decode()}))

    def head(self, length: int, request_id: bytes) -> list[tuple[bytes, bytes]]:
        """The headers, for a body of `length` bytes, but for what concerns the connection."""
        headers = [
            *(HEADERS if self.html else ((b"content-type", JSON),)),
            (b"content-length", b"%d" % length),
            (b"x-request-id", request_id),
            (b"vary", b"Accept"),
            *self.headers,
        ]
        if self.retry_after is not None:
            headers.append((b"retry-after", b"%d" % self.retry_after))
        return headers

    async def send(self, send: Send, request_id: bytes, *, prefix: str = "http.response") -> None:
        """Answer with it; `prefix` is "websocket.http.response" where a WebSocket is refused."""
        body = self.body(request_id)
        headers = self.head(len(body), request_id)
        if self.last:
            headers.append((b"connection", b"close"))
        await send({"type": f"{prefix}.start", "status": self.status, "headers": headers})
        await send({"type": f"{prefix}.body", "body": body, "more_body": False})


NOTHING_HERE: Final = Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
"""For what is no plugin's."""


def not_found(plugin_id: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "there is no such plugin, or it is not active", plugin_id)


def serves_none(plugin_id: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "the plugin answers no requests: it has neither routes nor an app", plugin_id)


def bad_path(reason: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, reason)


def too_many_tokens(plugin_id: str, reason: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, reason, plugin_id)


def unknown_caller(plugin_id: str) -> Refusal:
    return unavailable(plugin_id, "who sends this request cannot be found out at the moment")


def body_too_large(plugin_id: str, limit: int) -> Refusal:
    message = f"the request body is larger than {limit} bytes"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, plugin_id, last=True)


def unavailable(plugin_id: str, reason: str) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, reason, plugin_id, RETRY_AFTER)


def takes_none(plugin_id: str) -> Refusal:
    return unavailable(plugin_id, "the plugin takes no requests at the moment")


def bad_gateway(plugin_id: str, reason: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_GATEWAY, reason, plugin_id)


def gateway_timeout(plugin_id: str) -> Refusal:
    return Refusal(HTTPStatus.GATEWAY_TIMEOUT, "the plugin did not answer in time", plugin_id)


def no_websockets(plugin_id: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_IMPLEMENTED, "this plugin cannot take WebSockets", plugin_id)
