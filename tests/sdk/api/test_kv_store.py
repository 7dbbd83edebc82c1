"""The key-value store: no value and an empty value are never mixed up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient
from mattermost_plugin.grpc import api_kv_config_pb2 as pb
from mattermost_plugin.models import PluginKVSetOptions
from support.api_host import ApiHost

pytestmark = pytest.mark.anyio


def test_a_missing_key_has_no_value(host: ApiHost, client: PluginAPIClient) -> None:
    host.answers["KVGet"] = pb.KVGetResponse()
    assert client.kv_get("k") is None
    host.answers["KVGet"] = pb.KVGetResponse(value=b"\0")
    assert client.kv_get("k") == b"\0"


async def test_a_missing_key_has_no_value_in_the_async_client(
    host: ApiHost, async_client: AsyncPluginAPIClient
) -> None:
    host.answers["KVGet"] = pb.KVGetResponse()
    assert await async_client.kv_get("k") is None


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.kv_set("k", b""),
        lambda client: client.kv_set_with_expiry("k", b"", 60),
        lambda client: client.kv_set_with_options("k", b"", PluginKVSetOptions()),
        lambda client: client.kv_set_with_options("k", b"v", PluginKVSetOptions(atomic=True, old_value=b"")),
        lambda client: client.kv_compare_and_set("k", None, b""),
        lambda client: client.kv_compare_and_set("k", b"", b"v"),
        lambda client: client.kv_compare_and_delete("k", b""),
    ],
)
def test_an_empty_value_is_refused_before_it_deletes_anything(
    call: Callable[[PluginAPIClient], object], host: ApiHost, client: PluginAPIClient
) -> None:
    with pytest.raises(ValueError, match="empty"):
        call(client)
    assert not host.calls


def test_no_old_value_asks_for_a_key_that_does_not_exist(host: ApiHost, client: PluginAPIClient) -> None:
    client.kv_compare_and_set("k", None, b"v")
    client.kv_set_with_options("k", b"v", PluginKVSetOptions(atomic=True, expire_in_seconds=5))
    assert host.asked("KVCompareAndSet") == [pb.KVCompareAndSetRequest(key="k", new_value=b"v")]
    options = pb.PluginKVSetOptions(atomic=True, expire_in_seconds=5)
    assert host.asked("KVSetWithOptions") == [pb.KVSetWithOptionsRequest(key="k", value=b"v", options=options)]


def test_a_lost_race_is_no_error(host: ApiHost, client: PluginAPIClient) -> None:
    host.answers["KVCompareAndSet"] = pb.KVCompareAndSetResponse()
    assert not client.kv_compare_and_set("k", b"old", b"new")
