"""The configuration, and the caller's own settings in it."""

from __future__ import annotations

import json

from mattermost_plugin.grpc import api_kv_config_pb2 as pb
from mattermost_plugin.values import from_struct, to_struct
from servehttp.workspace.rpc.call import Call


async def get_config(call: Call, request: pb.GetConfigRequest) -> pb.GetConfigResponse:
    return pb.GetConfigResponse(
        config_json=json.dumps(await call.ws.config.sanitized(call.ws.plugins.is_secret)).encode()
    )


async def get_unsanitized_config(
    call: Call, request: pb.GetUnsanitizedConfigRequest
) -> pb.GetUnsanitizedConfigResponse:
    return pb.GetUnsanitizedConfigResponse(config_json=json.dumps(await call.ws.config.get()).encode())


async def save_config(call: Call, request: pb.SaveConfigRequest) -> pb.SaveConfigResponse:
    await call.ws.config.save(request.config_json)
    return pb.SaveConfigResponse()


async def load_plugin_configuration(
    call: Call, request: pb.LoadPluginConfigurationRequest
) -> pb.LoadPluginConfigurationResponse:
    settings = await call.ws.plugins.configuration(call.plugin_id)
    return pb.LoadPluginConfigurationResponse(config_json=json.dumps(settings).encode())


async def get_plugin_config(call: Call, request: pb.GetPluginConfigRequest) -> pb.GetPluginConfigResponse:
    return pb.GetPluginConfigResponse(config=to_struct(await call.ws.config.plugin_settings(call.plugin_id)))


async def save_plugin_config(call: Call, request: pb.SavePluginConfigRequest) -> pb.SavePluginConfigResponse:
    await call.ws.config.save_plugin_settings(call.plugin_id, from_struct(request.config))
    return pb.SavePluginConfigResponse()
