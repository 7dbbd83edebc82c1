"""`/livez` and `/readyz`: whether the gateway lives, and whether its plugins serve.

`/readyz?verbose` tells anybody which plugins there are, and how they are. What plugins have said themselves, in their
output or as errors, may have secrets in it. So that, and the numbers of processes, is for those who could see them
anyway: on this machine, unless a proxy forwarded for them, and administrators by their token.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from mattermost_plugin.exchange import Address, Request
from mattermost_plugin.types import Scope, Send
from servehttp.build import build_name
from servehttp.front.credentials import TooManyTokens, caller_of
from servehttp.front.peers import canonical
from servehttp.identity import Identity, IdentityUnavailable
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.host import API_ID
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState
from servehttp.request_rules import is_forwarding

PATHS: Final = frozenset(("/livez", "/readyz"))
METHODS: Final = frozenset(("GET", "HEAD"))

FOR_ANYBODY: Final = ("id", "replica", "state", "restarts", "started_in", "uptime")
"""What everybody is told of a plugin, and of each of its replicas, with the reason in the gateway's own words."""
REPLICAS: Final = "replicas"

ON_ITS_WAY: Final = frozenset((PluginState.QUEUED, PluginState.STARTING))

_OWN_WORDS: Final = re.compile(r"[^:;/]*")
NO_DATABASE: Final = "its database is not available"
SEE_THE_LOG: Final = "the gateway's log says why"


class Health:
    """Answers for the gateway.

    Args:
        registry: the plugins.
        identity: knows who sends requests.
    """

    def __init__(self, registry: Registry, identity: Identity | None) -> None:
        self._registry = registry
        self._identity = identity

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Answer a request, if it is of that kind; returns whether it is."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path not in PATHS or scope["method"] not in METHODS:
            return False
        if path == "/livez":
            await _send_json(send, HTTPStatus.OK, {"status": "alive"})
            return True
        plugins = [plugin for plugin in self._registry if plugin.id != API_ID]
        trouble = self._identity.trouble if self._identity is not None else None
        ready = trouble is None and _ready(plugins)
        report: dict[str, Any] = {"status": "ready" if ready else "not ready"}
        if b"verbose" in scope["query_string"]:
            sees_all = await self._may_see_all(scope)
            if trouble is not None:
                report["workspace"] = trouble if sees_all else NO_DATABASE
            report["build"] = build_name()
            if sees_all:
                report["tasks"] = len(asyncio.all_tasks())
            described = [plugin.describe() for plugin in plugins]
            report["plugins"] = described if sees_all else [_for_anybody(plugin) for plugin in described]
        await _send_json(send, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, report)
        return True

    async def _may_see_all(self, scope: Scope) -> bool:
        return _is_here(scope) or await self._is_from_administrator(scope)

    async def _is_from_administrator(self, scope: Scope) -> bool:
        if self._identity is None:
            return False
        query = scope["query_string"]
        request = Request(scope["method"], b"/readyz?" + query, headers=scope["headers"])
        try:
            caller = await caller_of(request, self._identity)
            return caller is not None and await self._identity.manages(caller.user_id)
        except (IdentityUnavailable, TooManyTokens):
            return False


def _ready(plugins: Iterable[PluginHandle]) -> bool:
    """Once no plugin is on its first way up any more and one at least serves."""
    starting = any(plugin.state in ON_ITS_WAY and not plugin.restarts for plugin in plugins)
    return not starting and any(plugin.state is PluginState.RUNNING for plugin in plugins)


def _is_here(scope: Scope) -> bool:
    """Whether a request was sent on this machine, by somebody who is not a proxy that says so."""
    forwarded = any(name == b"via" or is_forwarding(name) for name, _ in scope["headers"])
    return not forwarded and (_is_loopback(scope.get("client")) or _is_unix_socket(scope.get("server")))


def _is_loopback(client: Address | None) -> bool:
    try:
        return client is not None and ipaddress.ip_address(canonical(client[0])).is_loopback
    except ValueError:
        return False


def _is_unix_socket(server: tuple[str, int | None] | None) -> bool:
    """ASGI names one by its path and None; who may use it, its mode says."""
    return server is not None and server[0].startswith("/") and server[1] is None


def _for_anybody(described: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: described[name] for name in FOR_ANYBODY if name in described}
    told["reason"] = own_words(described["reason"])
    if REPLICAS in described:
        told[REPLICAS] = [_for_anybody(replica) for replica in described[REPLICAS]]
    return told


def own_words(reason: str | None) -> str | None:
    """Why a plugin does not run, without what it said, and without paths: that comes after a colon or semicolon."""
    if reason is None:
        return None
    words = _OWN_WORDS.match(reason)
    assert words is not None, "it matches nothing as well"
    return words[0] if words[0] and reason[words.end() : words.end() + 1] != "/" else SEE_THE_LOG


async def _send_json(send: Send, status: int, report: dict[str, Any]) -> None:
    body = json.dumps(report).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
