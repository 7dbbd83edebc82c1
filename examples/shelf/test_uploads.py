import json

import pytest
from mattermost_plugin.testing import PluginClient

from plugin import Shelf

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fake_api")]

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n\r\n'
HEADERS = {"Content-Type": "multipart/form-data; boundary=x"}


async def test_all_see_how_far_a_file_is(plugin_client: PluginClient) -> None:
    async with plugin_client.stream("GET", "/events") as stream:
        events = stream.events()
        async with plugin_client.upload("POST", "/files", headers=HEADERS) as upload:
            await upload.send(HEAD + b"Buy oat ")
            while (event := json.loads((await anext(events)).data))["size"] == 0:
                assert event["kind"] == "arriving"
            assert event == {"kind": "arriving", "name": "notes.txt", "size": 8}
            await upload.send(b"milk.\r\n--x--\r\n")
            await upload.end()
            while (event := json.loads((await anext(events)).data))["kind"] == "arriving":
                pass
    assert event == {"kind": "stored", "name": "notes.txt", "size": 13}


async def test_a_file_comes_back_as_it_was(plugin_client: PluginClient) -> None:
    (stored,) = (await plugin_client.post("/files", files={"file": ("notes.txt", b"Buy oat milk.")})).json()
    answer = await plugin_client.get(f"/files/{stored['id']}")
    assert (answer.status, answer.text) == (200, "Buy oat milk.")
    assert (await plugin_client.get("/files")).json() == [stored]
    assert (await plugin_client.get("/files/other")).status == 404


async def test_what_is_cut_short_or_too_large_is_not_kept(plugin_client: PluginClient, plugin: Shelf) -> None:
    plugin.settings.max_megabytes = 0
    assert (await plugin_client.post("/files", files={"file": ("notes.txt", b"Buy oat milk.")})).status == 413
    assert (await plugin_client.post("/files", body=HEAD + b"Buy", headers=HEADERS)).status in (400, 413)
    assert (await plugin_client.get("/files")).json() == []
    assert list(plugin.folder.iterdir()) == []
