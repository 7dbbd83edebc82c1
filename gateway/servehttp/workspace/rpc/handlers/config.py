"""The configuration, and the caller's own settings in it."""

from __future__ import annotations

import json
from typing import Any

from mattermost_plugin.grpc import api_kv_config_pb2 as pb
from mattermost_plugin.values import from_struct
from servehttp.workspace.rpc.call import ApiCall


async def get_config(call: ApiCall, request: pb.GetConfigRequest) -> bytes:
    return json.dumps(await call.workspace.config.sanitized(call.workspace.plugins.is_secret)).encode()


async def get_unsanitized_config(call: ApiCall, request: pb.GetUnsanitizedConfigRequest) -> bytes:
    return json.dumps(await call.workspace.config.get()).encode()


async def save_config(call: ApiCall, request: pb.SaveConfigRequest) -> None:
    await call.workspace.config.save(request.config_json)


async def load_plugin_configuration(call: ApiCall, request: pb.LoadPluginConfigurationRequest) -> bytes:
    settings = await call.workspace.plugins.configuration(call.plugin_id)
    return json.dumps(settings).encode()


async def get_plugin_config(call: ApiCall, request: pb.GetPluginConfigRequest) -> dict[str, Any]:
    return await call.workspace.config.plugin_settings(call.plugin_id)


async def save_plugin_config(call: ApiCall, request: pb.SavePluginConfigRequest) -> None:
    await call.workspace.config.save_plugin_settings(call.plugin_id, from_struct(request.config))
