import pytest
from mattermost_plugin.testing import JobClock, PluginClient

from plugin import Shelf

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fake_api")]


async def test_old_files_are_thrown_away(plugin: Shelf, plugin_client: PluginClient, job_clock: JobClock) -> None:
    await plugin_client.post("/files", files={"file": ("notes.txt", b"Buy oat milk.")})
    await job_clock.travel(hours=1, minutes=1)
    assert len((await plugin_client.get("/files")).json()) == 1

    plugin.settings.keep_days = 0
    await job_clock.travel(hours=1, minutes=1)
    assert (await plugin_client.get("/files")).json() == []
    assert list(plugin.folder.iterdir()) == []
