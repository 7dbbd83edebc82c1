"""What lies on the shelf, as the plugin's key-value store has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from mattermost_plugin import AsyncPluginAPIClient

KEY = "catalogue"
MOST_ITEMS = 1000


@dataclass(frozen=True)
class Item:
    """A file. Its name is what its sender called it; where it is stored, it goes by its id."""

    id: str
    name: str
    size: int
    stored_at: float


class ShelfFull(Exception):
    """There is no room for another file."""


class Catalogue:
    """The items, the oldest first. Processes of the plugin may change them side by side: nothing is lost."""

    def __init__(self, api: AsyncPluginAPIClient) -> None:
        self._api = api

    async def items(self) -> list[Item]:
        """All of them."""
        return parsed(await self._api.kv_get(KEY))

    async def add(self, item: Item) -> None:
        """Put one more on the shelf; raises ShelfFull if there is no room."""

        def added(items: list[Item]) -> list[Item]:
            if len(items) >= MOST_ITEMS:
                raise ShelfFull
            return [*items, item]

        await self._change(added)

    async def remove(self, gone: set[str]) -> None:
        """Take some off it, by their ids."""
        await self._change(lambda items: [item for item in items if item.id not in gone])

    async def _change(self, change: Callable[[list[Item]], list[Item]]) -> None:
        while True:  # until nobody else has changed it meanwhile
            stored = await self._api.kv_get(KEY)
            changed = json.dumps([asdict(item) for item in change(parsed(stored))]).encode()
            if await self._api.kv_compare_and_set(KEY, stored, changed):
                return


def parsed(stored: bytes | None) -> list[Item]:
    """Items from what is stored."""
    return [Item(**item) for item in json.loads(stored or b"[]")]
