"""`strip_prefix`: for applications that look at the whole path."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_plugin.asgi import strip_prefix
from mattermost_plugin.types import Receive, Scope, Send


async def seen_by_application(scope: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope)

    async def nothing(*_: object) -> Any:
        raise AssertionError("nobody asks")

    given = dict(scope)
    await strip_prefix(app)(given, nothing, nothing)
    assert given == scope, "the scope of others stays as it is"
    return seen


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("path", "raw_path", "stripped", "stripped_raw"),
    [
        ("/plugins/a/items/7", b"/plugins/a/items/7", "/items/7", b"/items/7"),
        ("/plugins/a/é x", b"/plugins/a/%C3%A9%20x", "/é x", b"/%C3%A9%20x"),
        ("/plugins/a", b"/plugins/a", "/", b"/"),
        ("/plugins/a/", b"/plugins/a/", "/", b"/"),
        ("/plugins/ab/x", b"/plugins/ab/x", "/plugins/ab/x", b"/plugins/ab/x"),
        ("/elsewhere", b"/elsewhere", "/elsewhere", b"/elsewhere"),
    ],
)
async def test_the_application_sees_what_is_behind_the_prefix(
    kind: str, path: str, raw_path: bytes, stripped: str, stripped_raw: bytes
) -> None:
    seen = await seen_by_application({"type": kind, "path": path, "raw_path": raw_path, "root_path": "/plugins/a"})
    assert (seen["path"], seen["raw_path"], seen["root_path"]) == (stripped, stripped_raw, "/plugins/a")


async def test_a_raw_path_that_writes_the_prefix_otherwise_is_left_out() -> None:
    scope = {"type": "http", "path": "/plugins/a/x", "raw_path": b"/plugins/%61/x", "root_path": "/plugins/a"}
    assert await seen_by_application(scope) == {"type": "http", "path": "/x", "root_path": "/plugins/a"}


@pytest.mark.parametrize("scope", [{"type": "lifespan"}, {"type": "http", "path": "/x", "root_path": ""}])
async def test_what_has_no_prefix_stays(scope: dict[str, Any]) -> None:
    assert await seen_by_application(scope) == scope
