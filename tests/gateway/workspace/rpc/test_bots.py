"""Bots as the SDK's client sees them."""

from __future__ import annotations

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError
from mattermost_plugin.models import Bot, BotGetOptions, BotPatch

pytestmark = pytest.mark.anyio


async def test_every_method_does_its_work(api: AsyncPluginAPIClient) -> None:
    bot = await api.create_bot(Bot(username="poll"))
    assert bot.owner_id == "com.example.me"
    assert (await api.create_bot(Bot(username="other", owner_id="somebody"))).owner_id == "somebody"
    patched = await api.patch_bot(bot.user_id, BotPatch(description="asks"))
    assert await api.get_bot(bot.user_id) == patched
    assert await api.get_bots(BotGetOptions(owner_id="com.example.me")) == [patched]
    assert (await api.update_bot_active(bot.user_id, False)).delete_at > 0
    await api.permanent_delete_bot(bot.user_id)
    with pytest.raises(NotFoundError):
        await api.get_bot(bot.user_id, include_deleted=True)
    assert await api.ensure_bot_user(Bot(username="mine")) == await api.ensure_bot_user(Bot(username="mine"))
