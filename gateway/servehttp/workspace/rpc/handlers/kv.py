"""The key-value store, in the caller's own namespace."""

from __future__ import annotations

from mattermost_plugin.grpc import api_kv_config_pb2 as pb
from mattermost_plugin.models import PluginKVSetOptions
from servehttp.workspace.rpc.call import ApiCall


async def kv_set(call: ApiCall, request: pb.KVSetRequest) -> None:
    await call.workspace.kv.set(call.plugin_id, request.key, request.value)


async def kv_get(call: ApiCall, request: pb.KVGetRequest) -> bytes:
    return await call.workspace.kv.get(call.plugin_id, request.key) or b""


async def kv_delete(call: ApiCall, request: pb.KVDeleteRequest) -> None:
    await call.workspace.kv.delete(call.plugin_id, request.key)


async def kv_delete_all(call: ApiCall, request: pb.KVDeleteAllRequest) -> None:
    await call.workspace.kv.delete_all(call.plugin_id)


async def kv_list(call: ApiCall, request: pb.KVListRequest) -> list[str]:
    return await call.workspace.kv.keys(call.plugin_id, request.page, request.per_page)


async def kv_set_with_expiry(call: ApiCall, request: pb.KVSetWithExpiryRequest) -> None:
    seconds = request.expire_in_seconds
    await call.workspace.kv.set(call.plugin_id, request.key, request.value, expire_in_seconds=seconds)


async def kv_compare_and_set(call: ApiCall, request: pb.KVCompareAndSetRequest) -> bool:
    old = request.old_value or None
    return await call.workspace.kv.compare_and_set(call.plugin_id, request.key, old, request.new_value)


async def kv_compare_and_delete(call: ApiCall, request: pb.KVCompareAndDeleteRequest) -> bool:
    return await call.workspace.kv.compare_and_delete(call.plugin_id, request.key, request.old_value)


async def kv_set_with_options(call: ApiCall, request: pb.KVSetWithOptionsRequest) -> bool:
    options = PluginKVSetOptions.from_proto(request.options)
    return await call.workspace.kv.set_with_options(call.plugin_id, request.key, request.value, options)
