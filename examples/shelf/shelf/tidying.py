"""What has lain on the shelf for long is thrown away."""

from __future__ import annotations

import asyncio
import time

from mattermost_plugin import every

from shelf.uploads import Uploads

HOUR, DAY = 3600, 86_400


class Tidying(Uploads):
    """A job, which one process of the plugin runs at a time."""

    @every(HOUR, jitter=60)
    async def tidy(self) -> None:
        """Throw away what is older than the settings say."""
        oldest = time.time() - self.settings.keep_days * DAY
        gone = {item.id: item.name for item in await self.catalogue.items() if item.stored_at < oldest}
        await self.catalogue.remove(set(gone))
        for item_id, name in gone.items():
            await asyncio.to_thread((self.folder / item_id).unlink, missing_ok=True)
            self.announcements.tell(kind="gone", name=name)
