"""The key-value store as the SDK's client sees it."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_plugin import AsyncPluginAPIClient, ValidationError
from mattermost_plugin.models import PluginKVSetOptions
from support.workspaces import Clock

pytestmark = pytest.mark.anyio


async def test_every_method_does_its_work(api: AsyncPluginAPIClient, clock: Clock) -> None:
    await api.kv_set("a", b"1")
    await api.kv_set_with_expiry("b", b"2", 5)
    assert await api.kv_compare_and_set("c", None, b"3")
    assert not await api.kv_compare_and_set("c", None, b"4")
    assert await api.kv_set_with_options("a", b"9", PluginKVSetOptions(atomic=True, old_value=b"1"))
    assert await api.kv_list() == ["a", "b", "c"]
    clock.advance(seconds=5)
    assert await api.kv_get("b") is None
    assert await api.kv_compare_and_delete("c", b"3")
    assert await api.kv_list() == ["a"]
    await api.kv_delete("a")
    await api.kv_set("d", b"1")
    await api.kv_delete_all()
    assert await api.kv_list() == []


async def test_a_key_that_is_too_long_is_a_validation_error(api: AsyncPluginAPIClient) -> None:
    with pytest.raises(ValidationError) as refused:
        await api.kv_set("k" * 151, b"1")
    assert refused.value.error_id == "model.plugin_key_value.is_valid.key.app_error"


async def test_of_fifty_concurrent_calls_one_wins(api: AsyncPluginAPIClient) -> None:
    won = await asyncio.gather(*(api.kv_compare_and_set("key", None, b"by %d" % i) for i in range(50)))
    assert won.count(True) == 1
