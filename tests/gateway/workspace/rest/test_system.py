"""What a client asks of the server itself."""

from __future__ import annotations

import io
import zipfile

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


async def test_a_support_packet_is_a_zip_file_for_administrators(ada: Client, admin: Client) -> None:
    assert (await ada("GET", "/system/support_packet")).status_code == 403
    response = await admin("GET", "/system/support_packet")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as packet:
        assert packet.namelist() == ["sanitized_config.json"]
