"""The key-value store, in the caller's own namespace."""

from __future__ import annotations

from mattermost_plugin.grpc import api_kv_config_pb2 as pb
from mattermost_plugin.models import PluginKVSetOptions
from servehttp.workspace.rpc.call import Call


async def kv_set(call: Call, request: pb.KVSetRequest) -> pb.KVSetResponse:
    await call.ws.kv.set(call.plugin_id, request.key, request.value)
    return pb.KVSetResponse()


async def kv_get(call: Call, request: pb.KVGetRequest) -> pb.KVGetResponse:
    return pb.KVGetResponse(value=await call.ws.kv.get(call.plugin_id, request.key) or b"")


async def kv_delete(call: Call, request: pb.KVDeleteRequest) -> pb.KVDeleteResponse:
    await call.ws.kv.delete(call.plugin_id, request.key)
    return pb.KVDeleteResponse()


async def kv_delete_all(call: Call, request: pb.KVDeleteAllRequest) -> pb.KVDeleteAllResponse:
    await call.ws.kv.delete_all(call.plugin_id)
    return pb.KVDeleteAllResponse()


async def kv_list(call: Call, request: pb.KVListRequest) -> pb.KVListResponse:
    return pb.KVListResponse(keys=await call.ws.kv.keys(call.plugin_id, request.page, request.per_page))


async def kv_set_with_expiry(call: Call, request: pb.KVSetWithExpiryRequest) -> pb.KVSetWithExpiryResponse:
    seconds = request.expire_in_seconds
    await call.ws.kv.set(call.plugin_id, request.key, request.value, expire_in_seconds=seconds)
    return pb.KVSetWithExpiryResponse()


async def kv_compare_and_set(call: Call, request: pb.KVCompareAndSetRequest) -> pb.KVCompareAndSetResponse:
    old = request.old_value or None
    stored = await call.ws.kv.compare_and_set(call.plugin_id, request.key, old, request.new_value)
    return pb.KVCompareAndSetResponse(success=stored)


async def kv_compare_and_delete(call: Call, request: pb.KVCompareAndDeleteRequest) -> pb.KVCompareAndDeleteResponse:
    deleted = await call.ws.kv.compare_and_delete(call.plugin_id, request.key, request.old_value)
    return pb.KVCompareAndDeleteResponse(success=deleted)


async def kv_set_with_options(call: Call, request: pb.KVSetWithOptionsRequest) -> pb.KVSetWithOptionsResponse:
    options = PluginKVSetOptions.from_proto(request.options)
    stored = await call.ws.kv.set_with_options(call.plugin_id, request.key, request.value, options)
    return pb.KVSetWithOptionsResponse(success=stored)
