"""What a plugin may know of the workspace. It has no licence, and no plan that limits it."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from servehttp.workspace.domains.base.system_properties import SERVER_VERSION
from servehttp.workspace.rpc.call import ApiCall


async def get_license(call: ApiCall, request: pb.GetLicenseRequest) -> bytes:
    return b""


async def is_enterprise_ready(call: ApiCall, request: pb.IsEnterpriseReadyRequest) -> bool:
    return False


async def get_cloud_limits(call: ApiCall, request: pb.GetCloudLimitsRequest) -> bytes:
    return b""


async def get_server_version(call: ApiCall, request: pb.GetServerVersionRequest) -> str:
    return SERVER_VERSION


async def get_system_install_date(call: ApiCall, request: pb.GetSystemInstallDateRequest) -> int:
    return await call.workspace.system_properties.install_date()


async def get_diagnostic_id(call: ApiCall, request: pb.GetDiagnosticIdRequest) -> str:
    return await call.workspace.system_properties.diagnostic_id()


async def get_telemetry_id(call: ApiCall, request: pb.GetTelemetryIdRequest) -> str:
    return await call.workspace.system_properties.diagnostic_id()


async def register_collection_and_topic(call: ApiCall, request: pb.RegisterCollectionAndTopicRequest) -> None:
    await call.workspace.collection_types.register(call.plugin_id, request.collection_type, request.topic_type)
