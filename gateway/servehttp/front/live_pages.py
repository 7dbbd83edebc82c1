"""Pages that reload themselves once another version of their plugin serves, for whoever writes it.

A script is put behind the pages that a browser navigates to. It is told the versions of the plugin by server-sent
events, and reloads when that is another one than the page's. Nothing is held back for it: a page whose length is
declared becomes longer by the script's element, and one that streams ends with it.

A page stays as it is where the script could not run or would be wrong: see `_may_have_script`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Final, Never

from mattermost_plugin.types import Event, Receive, Scope, Send
from servehttp.aio import first_completed
from servehttp.front import responses
from servehttp.front.content_policy import allows_own_script
from servehttp.front.headers import new_request_id
from servehttp.front.responses import Refusal
from servehttp.front.routing import PREFIX
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState

FOLDER: Final = "/.servehttp/"
"""Below it is what the script needs; no plugin's, nor the API's."""
SCRIPT: Final = f"{FOLDER}pages.js"
CHANGES: Final = f"{FOLDER}changes/"

MOST_FOLLOWERS: Final = 64
"""Pages that are told of versions at a time."""
POLL_INTERVAL: Final = 0.05
"""Seconds between two looks at a plugin's version."""
PING_INTERVAL: Final = 15.0
"""Seconds after which a stream in which nothing happens says that it is alive."""

HTML: Final = b"text/html"
NAVIGATIONS: Final = frozenset((b"document", b"iframe", b"frame"))
"""What browsers call the destination of a request for a page; what a page fetches has others."""
UNCHANGEABLE: Final = frozenset((204, 205, 206, 304))
POLICIES: Final = frozenset((b"content-security-policy", b"content-security-policy-report-only"))
POLICY_IN_PAGE: Final = b"content-security-policy"
"""In a `meta` element of a page: what that allows is not looked at."""
OF_THE_BYTES: Final = frozenset((b"content-range", b"content-digest", b"repr-digest", b"digest", b"content-md5"))
"""Headers of a page that has to stay as it is, byte for byte."""
REPLACED: Final = frozenset((b"content-length", b"etag", b"last-modified", b"cache-control"))
"""Headers that are not those of a page with a script: a browser that keeps one would have that of an older version."""


class LivePages:
    """Has pages reload themselves.

    Args:
        registry: the plugins.
        run: which run of the gateway this is; its workers are of the same.
    """

    def __init__(self, registry: Registry, run: str) -> None:
        self._registry = registry
        self._run = run
        self._script = Path(__file__).with_suffix(".js").read_bytes()
        self._followers = 0
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Have no page told of versions any more: those that are would hold up the end of the server."""
        self._ended.set()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a request of the script's, or for it; returns whether it is one."""
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        if not path.startswith(FOLDER):
            return False
        if path == SCRIPT and scope["method"] == "GET":
            headers = [(b"content-type", b"text/javascript; charset=utf-8"), (b"cache-control", b"no-cache")]
            await _send_whole(send, headers, self._script)
        elif path.startswith(CHANGES) and scope["method"] == "GET":
            await self._tell_versions(path.removeprefix(CHANGES), receive, send)
        else:
            await _refuse(send, responses.NOTHING_HERE)
        return True

    def with_script(self, scope: Scope, send: Send) -> Send:
        """What sends the response to a request: with the script behind it, if it is a page that may have it."""
        root = scope.get("root_path", "")
        path: str = scope["path"].removeprefix(root)
        prefix = PREFIX.decode()
        if not (path.startswith(prefix) and _is_navigation(scope)):
            return send
        plugin_id = path.removeprefix(prefix).partition("/")[0]
        # Before the plugin answers: a page with an older version than its own is loaded once too often, and no more.
        version = self._version(plugin_id)
        return send if version is None else _Page(send, _element(root, plugin_id, version)).send

    def _version(self, plugin_id: str) -> str | None:
        plugin = self._registry.get(plugin_id)
        return None if plugin is None else f"{self._run}-{plugin.generation}"

    async def _tell_versions(self, plugin_id: str, receive: Receive, send: Send) -> None:
        if self._registry.get(plugin_id) is None:
            await _refuse(send, responses.not_found(plugin_id))
            return
        if self._followers >= MOST_FOLLOWERS or self._ended.is_set():
            await _refuse(send, responses.unavailable(plugin_id, "too many pages follow the plugins' versions"))
            return
        self._followers += 1
        try:
            headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
            with contextlib.suppress(OSError):  # how servers of ASGI 2.4 and later say that the client has gone
                await first_completed(self._tell_of(plugin_id, send), self._ended.wait(), _until_gone(receive))
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._followers -= 1

    async def _tell_of(self, plugin_id: str, send: Send) -> Never:
        told = None
        while True:
            version = self._serving_version(plugin_id)
            if version is not None and version != told:
                event, told = f"data: {version}\n\n", version
            else:
                event = ":\n\n"
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
            await self._until_another(plugin_id, told)

    async def _until_another(self, plugin_id: str, told: str | None) -> None:
        """Returns when another version serves than was told, or it is time for a ping."""
        for _ in range(int(PING_INTERVAL / POLL_INTERVAL)):
            await asyncio.sleep(POLL_INTERVAL)
            if self._serving_version(plugin_id) not in (None, told):
                return

    def _serving_version(self, plugin_id: str) -> str | None:
        plugin = self._registry.get(plugin_id)
        return self._version(plugin_id) if plugin is not None and plugin.state is PluginState.RUNNING else None


class _Page:
    """One response, on its way to the client.

    Args:
        send: ASGI, to the client.
        element: the script's.
    """

    def __init__(self, send: Send, element: bytes) -> None:
        self._send = send
        self._element = element
        self._added = b""
        self._last = b""

    async def send(self, event: Event) -> None:
        """ASGI, from the application."""
        if event["type"] == "http.response.start":
            if _may_have_script(event):
                self._added = self._element
                event = {**event, "headers": _headers_with(self._element, event["headers"])}
        elif event["type"] == "http.response.body" and self._added:
            event = self._with_script(event)
        await self._send(event)

    def _with_script(self, event: Event) -> Event:
        data: bytes = event.get("body", b"")
        read = (self._last + data).lower()
        if POLICY_IN_PAGE in read:  # its length is declared by now
            self._added = b" " * len(self._added)
        self._last = read[1 - len(POLICY_IN_PAGE) :]
        return event if event.get("more_body") else {**event, "body": data + self._added}


def _is_navigation(scope: Scope) -> bool:
    """Whether a browser asks for a page, to show it by itself; older ones say it by what they accept."""
    if scope["method"] != "GET":
        return False
    headers = dict(scope["headers"])
    destination = headers.get(b"sec-fetch-dest")
    return HTML in headers.get(b"accept", b"") if destination is None else destination in NAVIGATIONS


def _may_have_script(start: Event) -> bool:
    """Whether a response is a page, whole and as the browser will read it, whose policies let the script run."""
    headers: Sequence[tuple[bytes, bytes]] = start["headers"]
    fields = {name: value.lower() for name, value in headers}
    media_type, _, parameters = fields.get(b"content-type", b"").partition(b";")
    return (
        start["status"] not in UNCHANGEABLE
        and media_type.strip() == HTML
        and b"utf-16" not in parameters
        and fields.get(b"content-encoding", b"identity") == b"identity"
        and not fields.get(b"content-disposition", b"").startswith(b"attachment")
        and b"no-transform" not in fields.get(b"cache-control", b"")
        and OF_THE_BYTES.isdisjoint(fields)
        and not start.get("trailers")
        and allows_own_script(value for name, value in headers if name in POLICIES)
    )


def _headers_with(element: bytes, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name not in REPLACED]
    length = next((value for name, value in headers if name == b"content-length"), None)
    if length is not None:
        kept.append((b"content-length", b"%d" % (int(length) + len(element))))
    return [*kept, (b"cache-control", b"no-store")]


def _element(root: str, plugin_id: str, version: str) -> bytes:
    source, plugin = escape(root + SCRIPT), escape(plugin_id)
    return f'<script async src="{source}" data-plugin="{plugin}" data-version="{version}"></script>\n'.encode()


async def _until_gone(receive: Receive) -> bool:
    while (await receive())["type"] != "http.disconnect":
        pass
    return True


async def _send_whole(send: Send, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _refuse(send: Send, refusal: Refusal) -> None:
    await refusal.send(send, new_request_id())
