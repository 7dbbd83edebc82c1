"""What a client asks of the server itself."""

from __future__ import annotations

import pytest

from support.rest import Client

pytestmark = pytest.mark.anyio


async def test_the_server_says_that_it_is_there(nobody: Client) -> None:
    assert await nobody.ok("GET", "/system/ping") == {"status": "OK"}


async def test_an_unknown_path_and_an_unknown_method_are_errors_as_mattermost_writes_them(nobody: Client) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/system/ping", 405)):
        error = (await nobody(method, path)).json()
        assert error.keys() == {"id", "message", "detailed_error", "request_id", "status_code"}
        assert (error["id"], error["status_code"]) == ("api.context.404.app_error", status)
        assert len(error["request_id"]) == 26
