"""What a plugin may know of the workspace. It has no licence, and no plan that limits it."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from servehttp.workspace.domains.base.system_properties import SERVER_VERSION
from servehttp.workspace.rpc.call import Call


async def get_license(call: Call, request: pb.GetLicenseRequest) -> pb.GetLicenseResponse:
    return pb.GetLicenseResponse()


async def is_enterprise_ready(call: Call, request: pb.IsEnterpriseReadyRequest) -> pb.IsEnterpriseReadyResponse:
    return pb.IsEnterpriseReadyResponse(is_enterprise_ready=False)


async def get_cloud_limits(call: Call, request: pb.GetCloudLimitsRequest) -> pb.GetCloudLimitsResponse:
    return pb.GetCloudLimitsResponse()


async def get_server_version(call: Call, request: pb.GetServerVersionRequest) -> pb.GetServerVersionResponse:
    return pb.GetServerVersionResponse(version=SERVER_VERSION)


async def get_system_install_date(
    call: Call, request: pb.GetSystemInstallDateRequest
) -> pb.GetSystemInstallDateResponse:
    return pb.GetSystemInstallDateResponse(install_date=await call.ws.system_properties.install_date())


async def get_diagnostic_id(call: Call, request: pb.GetDiagnosticIdRequest) -> pb.GetDiagnosticIdResponse:
    return pb.GetDiagnosticIdResponse(diagnostic_id=await call.ws.system_properties.diagnostic_id())


async def get_telemetry_id(call: Call, request: pb.GetTelemetryIdRequest) -> pb.GetTelemetryIdResponse:
    return pb.GetTelemetryIdResponse(telemetry_id=await call.ws.system_properties.diagnostic_id())


async def register_collection_and_topic(
    call: Call, request: pb.RegisterCollectionAndTopicRequest
) -> pb.RegisterCollectionAndTopicResponse:
    await call.ws.collection_types.register(call.plugin_id, request.collection_type, request.topic_type)
    return pb.RegisterCollectionAndTopicResponse()
