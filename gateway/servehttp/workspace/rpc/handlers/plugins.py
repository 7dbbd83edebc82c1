"""The plugins themselves, and requests from one to another."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TypedDict

from mattermost_plugin.grpc import api_kv_config_pb2 as pb
from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.models import Manifest, PluginStatus
from servehttp.workspace.domains.plugins.plugin_requests import PluginRequest
from servehttp.workspace.rpc.call import ApiCall


async def get_plugin_id(call: ApiCall, request: pb.GetPluginIDRequest) -> str:
    return call.plugin_id


async def get_bundle_path(call: ApiCall, request: pb.GetBundlePathRequest) -> str:
    return call.workspace.plugins.status(call.plugin_id).plugin_path


async def get_plugins(call: ApiCall, request: pb.GetPluginsRequest) -> list[Manifest]:
    return call.workspace.plugins.active()


async def get_plugin_status(call: ApiCall, request: pb.GetPluginStatusRequest) -> PluginStatus:
    return call.workspace.plugins.status(request.id)


async def enable_plugin(call: ApiCall, request: pb.EnablePluginRequest) -> None:
    await call.workspace.plugins.enable(request.id)


async def disable_plugin(call: ApiCall, request: pb.DisablePluginRequest) -> None:
    await call.workspace.plugins.disable(request.id)


async def remove_plugin(call: ApiCall, request: pb.RemovePluginRequest) -> None:
    await call.workspace.plugins.remove(request.id)


async def install_plugin(call: ApiCall, request: pb.InstallPluginRequest) -> Manifest:
    return await call.workspace.plugins.install(io.BytesIO(request.file_data), replace=request.replace)


class PluginHTTPResult(TypedDict):
    """What a plugin answered another one."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


async def plugin_http(call: ApiCall, request: api_remaining_pb2.PluginHTTPRequest) -> PluginHTTPResult:
    sent = PluginRequest(request.method, "", dict(request.headers), request.body)
    response = await call.workspace.plugins.send(call.plugin_id, request.url, sent)
    return {"status_code": response.status, "headers": response.headers, "body": response.body}
