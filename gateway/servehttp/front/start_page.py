"""`/` and `/plugins/`: the list of the plugins, where nothing else is.

It tells anybody what `/readyz?verbose` tells anybody as well: which plugins there are, and in which state each is.
"""

from __future__ import annotations

import json
from html import escape
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from mattermost_plugin.types import Scope, Send
from servehttp.front.own_pages import HEADERS, JSON, page, prefers_html
from servehttp.plugins.host import API_ID
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState

PATHS: Final = frozenset(("", "/", "/plugins", "/plugins/"))
METHODS: Final = frozenset(("GET", "HEAD"))


class StartPage:
    """Answers with the list.

    Args:
        registry: the plugins.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def answer(self, scope: Scope, send: Send, *, has_console: bool) -> bool:
        """Answer a request, if it is for the list; returns whether it is."""
        root: str = scope.get("root_path", "")
        if scope["path"].removeprefix(root) not in PATHS or scope["method"] not in METHODS:
            return False
        accept = next((value for name, value in scope["headers"] if name == b"accept"), None)
        if prefers_html(accept):
            headers, body = list(HEADERS), page("servehttp", self._html(root, has_console))
        else:
            headers, body = [(b"content-type", JSON)], json.dumps(self._values(root, has_console)).encode()
        headers += [(b"content-length", b"%d" % len(body)), (b"vary", b"Accept"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        return True

    def _values(self, root: str, has_console: bool) -> dict[str, Any]:
        found = [
            {"id": plugin.id, "path": _path(root, plugin.id), "state": plugin.state.value}
            for plugin in self._registry
            if plugin.id != API_ID
        ]
        return {"plugins": found} | ({"console": f"{root}/console/"} if has_console else {})

    def _html(self, root: str, has_console: bool) -> str:
        items = [_item(plugin) for plugin in self._values(root, has_console)["plugins"]]
        listed = f"<ul>\n{''.join(items)}</ul>\n" if items else "<p>No plugin is served here yet.</p>\n"
        console = f'<p><a href="{escape(root)}/console/">The console</a>, for administrators</p>\n'
        return f"<p>What is served here:</p>\n{listed}" + (console if has_console else "")


def _item(plugin: dict[str, str]) -> str:
    name = escape(plugin["id"])
    if plugin["state"] != PluginState.RUNNING:
        return f"<li>{name} – {escape(plugin['state'])}</li>\n"
    return f'<li><a href="{escape(plugin["path"])}">{name}</a></li>\n'


def _path(root: str, plugin_id: str) -> str:
    return f"{root}/plugins/{quote(plugin_id)}/"
