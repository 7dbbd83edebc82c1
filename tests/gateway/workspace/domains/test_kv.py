"""The key-value store behaves the same over every database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mattermost_plugin.models import PluginKVSetOptions
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock

pytestmark = pytest.mark.anyio

ME = "com.example.me"


async def test_a_stored_value_is_given_back(ws: Workspace) -> None:
    await ws.kv.set(ME, "key", b"\x00\xff")
    assert await ws.kv.get(ME, "key") == b"\x00\xff"


async def test_a_key_that_was_never_set_has_no_value(ws: Workspace) -> None:
    assert await ws.kv.get(ME, "key") is None


async def test_setting_again_replaces_the_value_and_its_expiry(ws: Workspace, clock: Clock) -> None:
    await ws.kv.set(ME, "key", b"1", expire_in_seconds=1)
    await ws.kv.set(ME, "key", b"2")
    clock.advance(seconds=5)
    assert await ws.kv.get(ME, "key") == b"2"


async def test_setting_an_empty_value_deletes_the_key(ws: Workspace) -> None:
    await ws.kv.set(ME, "key", b"1")
    await ws.kv.set(ME, "key", b"")
    assert await ws.kv.keys(ME, 0, 10) == []


async def test_a_deleted_key_is_gone_and_deleting_it_again_is_no_error(ws: Workspace) -> None:
    await ws.kv.set(ME, "key", b"1")
    await ws.kv.delete(ME, "key")
    await ws.kv.delete(ME, "key")
    assert await ws.kv.get(ME, "key") is None


async def test_plugins_see_only_their_own_keys(ws: Workspace) -> None:
    await ws.kv.set(ME, "key", b"mine")
    await ws.kv.set("other", "key", b"theirs")
    await ws.kv.delete_all("other")
    assert await ws.kv.get(ME, "key") == b"mine"
    assert await ws.kv.keys("other", 0, 10) == []


async def test_keys_come_in_pages_in_order(ws: Workspace) -> None:
    for key in ("c", "a", "b"):
        await ws.kv.set(ME, key, b"1")
    assert await ws.kv.keys(ME, 0, 2) == ["a", "b"]
    assert await ws.kv.keys(ME, 1, 2) == ["c"]
    assert await ws.kv.keys(ME, 2, 2) == []


@pytest.mark.parametrize("key", ["", "k" * 151])
async def test_a_key_without_a_name_or_with_too_long_a_one_is_refused(ws: Workspace, key: str) -> None:
    with pytest.raises(AppFailure) as refused:
        await ws.kv.set(ME, key, b"1")
    assert (refused.value.id, refused.value.status) == ("model.plugin_key_value.is_valid.key.app_error", 400)
    with pytest.raises(AppFailure):
        await ws.kv.get(ME, key)


async def test_the_longest_key_is_accepted(ws: Workspace) -> None:
    await ws.kv.set(ME, "ü" * 150, b"1")
    assert await ws.kv.keys(ME, 0, 10) == ["ü" * 150]


EXPIRED: list[Callable[[Workspace], Awaitable[object]]] = [
    lambda ws: ws.kv.get(ME, "key"),
    lambda ws: ws.kv.keys(ME, 0, 10),
    lambda ws: ws.kv.compare_and_set(ME, "key", b"1", b"2"),
    lambda ws: ws.kv.compare_and_delete(ME, "key", b"1"),
    lambda ws: ws.kv.set_with_options(ME, "key", b"2", PluginKVSetOptions(atomic=True, old_value=b"1")),
]


@pytest.mark.parametrize("operation", EXPIRED, ids=["get", "keys", "compare-set", "compare-delete", "options"])
async def test_an_expired_key_does_not_exist_for_any_operation(
    ws: Workspace, clock: Clock, operation: Callable[[Workspace], Awaitable[object]]
) -> None:
    await ws.kv.set(ME, "key", b"1", expire_in_seconds=10)
    clock.advance(seconds=9.999)
    assert await ws.kv.get(ME, "key") == b"1"
    clock.advance(seconds=0.001)
    assert not await operation(ws)


async def test_an_expired_key_can_be_inserted_again(ws: Workspace, clock: Clock) -> None:
    await ws.kv.set(ME, "key", b"1", expire_in_seconds=1)
    clock.advance(seconds=1)
    assert await ws.kv.compare_and_set(ME, "key", None, b"2")
    assert await ws.kv.get(ME, "key") == b"2"


async def test_expired_keys_are_forgotten_and_others_are_not(ws: Workspace, clock: Clock) -> None:
    await ws.kv.set(ME, "short", b"1", expire_in_seconds=1)
    await ws.kv.set(ME, "long", b"1", expire_in_seconds=10)
    clock.advance(seconds=1)
    assert await ws.kv.forget_expired() == 1
    assert await ws.kv.keys(ME, 0, 10) == ["long"]


async def test_compare_and_set_stores_only_over_the_expected_value(ws: Workspace) -> None:
    await ws.kv.set(ME, "key", b"1")
    assert not await ws.kv.compare_and_set(ME, "key", b"0", b"2")
    assert await ws.kv.compare_and_set(ME, "key", b"1", b"2")
    assert await ws.kv.get(ME, "key") == b"2"


async def test_compare_and_set_of_the_value_that_is_there_succeeds(ws: Workspace) -> None:
    await ws.kv.set(ME, "key", b"1")
    assert await ws.kv.compare_and_set(ME, "key", b"1", b"1")


async def test_compare_and_set_without_an_old_value_only_inserts(ws: Workspace) -> None:
    assert await ws.kv.compare_and_set(ME, "key", None, b"1")
    assert not await ws.kv.compare_and_set(ME, "key", None, b"2")
    assert await ws.kv.get(ME, "key") == b"1"


async def test_compare_and_set_of_a_missing_key_with_an_old_value_fails(ws: Workspace) -> None:
    assert not await ws.kv.compare_and_set(ME, "key", b"1", b"2")
    assert await ws.kv.get(ME, "key") is None


async def test_compare_and_delete_deletes_only_the_expected_value(ws: Workspace) -> None:
    await ws.kv.set(ME, "key", b"1")
    assert not await ws.kv.compare_and_delete(ME, "key", b"0")
    assert await ws.kv.compare_and_delete(ME, "key", b"1")
    assert not await ws.kv.compare_and_delete(ME, "key", b"1")
    assert await ws.kv.get(ME, "key") is None


async def test_options_without_atomic_store_in_any_case_and_expire(ws: Workspace, clock: Clock) -> None:
    await ws.kv.set(ME, "key", b"1")
    assert await ws.kv.set_with_options(ME, "key", b"2", PluginKVSetOptions(expire_in_seconds=3))
    assert await ws.kv.get(ME, "key") == b"2"
    clock.advance(seconds=3)
    assert await ws.kv.get(ME, "key") is None


async def test_atomic_options_store_only_over_the_old_value(ws: Workspace) -> None:
    insert = PluginKVSetOptions(atomic=True)
    assert await ws.kv.set_with_options(ME, "key", b"1", insert)
    assert not await ws.kv.set_with_options(ME, "key", b"2", insert)
    assert await ws.kv.set_with_options(ME, "key", b"2", PluginKVSetOptions(atomic=True, old_value=b"1"))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (PluginKVSetOptions(old_value=b"1"), "model.plugin_kvset_options.is_valid.old_value.app_error"),
        (PluginKVSetOptions(expire_in_seconds=-1), "model.plugin_kvset_options.is_valid.expire_in_seconds.app_error"),
    ],
    ids=["old value without atomic", "negative expiry"],
)
async def test_options_that_make_no_sense_are_refused(ws: Workspace, options: PluginKVSetOptions, error: str) -> None:
    with pytest.raises(AppFailure) as refused:
        await ws.kv.set_with_options(ME, "key", b"1", options)
    assert refused.value.id == error


@pytest.mark.parametrize("before", [None, b"0"], ids=["insert", "replace"])
async def test_of_fifty_concurrent_compare_and_sets_one_wins(ws: Workspace, before: bytes | None) -> None:
    if before:
        await ws.kv.set(ME, "key", before)
    tries = (ws.kv.compare_and_set(ME, "key", before, b"by %d" % number) for number in range(50))
    won = await asyncio.gather(*tries)
    assert won.count(True) == 1
    assert await ws.kv.get(ME, "key") == b"by %d" % won.index(True)
