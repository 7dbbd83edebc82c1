import asyncio

import pytest
from mattermost_plugin import Plugin
from shelf.catalogue import Catalogue, Item

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hooks", "fake_api")]


async def test_of_what_is_added_side_by_side_nothing_is_lost(plugin: Plugin) -> None:
    catalogue = Catalogue(plugin.async_api)
    await asyncio.gather(*(catalogue.add(Item(str(number), "name", 1, 0.0)) for number in range(5)))
    assert {item.id for item in await catalogue.items()} == {"0", "1", "2", "3", "4"}

    await catalogue.remove({"1", "3"})
    assert {item.id for item in await catalogue.items()} == {"0", "2", "4"}
