"""For applications that look at the whole path, as if they were served alone."""

from __future__ import annotations

from mattermost_plugin.types import ASGIApp, Receive, Scope, Send

CONNECTIONS = ("http", "websocket")


def strip_prefix(app: ASGIApp) -> ASGIApp:
    """An application that does not see the prefix below which the plugin is served.

    ASGI's `path` begins with `root_path`, and most applications know that. For those that do not, this takes it away
    from `path` and `raw_path`. `root_path` stays, for applications that write it in front of the addresses they make.

    Args:
        app: any ASGI 3.0 application.
    """

    async def stripped(scope: Scope, receive: Receive, send: Send) -> None:
        await app(_without_prefix(scope) if scope["type"] in CONNECTIONS else scope, receive, send)

    return stripped


def _without_prefix(scope: Scope) -> Scope:
    prefix, path = scope.get("root_path", ""), scope["path"]
    if not prefix or not (path == prefix or path.startswith(f"{prefix}/")):
        return scope
    stripped = {**scope, "path": path[len(prefix) :] or "/"}
    raw_path, raw_prefix = scope.get("raw_path"), prefix.encode("ascii", "ignore")
    if raw_path is not None and raw_path.startswith(raw_prefix):  # otherwise it is written in another way
        stripped["raw_path"] = raw_path[len(raw_prefix) :] or b"/"
    elif raw_path is not None:
        del stripped["raw_path"]
    return stripped
