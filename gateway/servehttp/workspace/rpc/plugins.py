"""The plugins themselves, and requests from one to another."""

from __future__ import annotations

import io

from mattermost_plugin.grpc import api_kv_config_pb2 as pb
from mattermost_plugin.grpc import api_remaining_pb2
from servehttp.workspace.domains.plugins.plugin_requests import PluginRequest
from servehttp.workspace.rpc.call import Call


async def get_plugin_id(call: Call, request: pb.GetPluginIDRequest) -> pb.GetPluginIDResponse:
    return pb.GetPluginIDResponse(plugin_id=call.plugin_id)


async def get_bundle_path(call: Call, request: pb.GetBundlePathRequest) -> pb.GetBundlePathResponse:
    return pb.GetBundlePathResponse(path=call.ws.plugins.status(call.plugin_id).plugin_path)


async def get_plugins(call: Call, request: pb.GetPluginsRequest) -> pb.GetPluginsResponse:
    return pb.GetPluginsResponse(manifests=[manifest.to_proto() for manifest in call.ws.plugins.active()])


async def get_plugin_status(call: Call, request: pb.GetPluginStatusRequest) -> pb.GetPluginStatusResponse:
    return pb.GetPluginStatusResponse(status=call.ws.plugins.status(request.id).to_proto())


async def enable_plugin(call: Call, request: pb.EnablePluginRequest) -> pb.EnablePluginResponse:
    await call.ws.plugins.enable(request.id)
    return pb.EnablePluginResponse()


async def disable_plugin(call: Call, request: pb.DisablePluginRequest) -> pb.DisablePluginResponse:
    await call.ws.plugins.disable(request.id)
    return pb.DisablePluginResponse()


async def remove_plugin(call: Call, request: pb.RemovePluginRequest) -> pb.RemovePluginResponse:
    await call.ws.plugins.remove(request.id)
    return pb.RemovePluginResponse()


async def install_plugin(call: Call, request: pb.InstallPluginRequest) -> pb.InstallPluginResponse:
    manifest = await call.ws.plugins.install(io.BytesIO(request.file_data), replace=request.replace)
    return pb.InstallPluginResponse(manifest=manifest.to_proto())


async def plugin_http(call: Call, request: api_remaining_pb2.PluginHTTPRequest) -> api_remaining_pb2.PluginHTTPResponse:
    sent = PluginRequest(request.method, "", dict(request.headers), request.body)
    response = await call.ws.plugins.send(call.plugin_id, request.url, sent)
    return api_remaining_pb2.PluginHTTPResponse(
        status_code=response.status, headers=response.headers, body=response.body
    )
