"""The hooks about the server as a whole: its configuration, limits, retention of data, telemetry and support."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.grpc import file_pb2, hooks_command_pb2
from mattermost_plugin.grpc import hooks_lifecycle_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import ConfigJson, FileData, ProductLimits
from mattermost_plugin.servicers.kinds import is_same, notification, told_error
from mattermost_plugin.servicers.results import as_message, as_messages, refusal_error, split
from mattermost_plugin.servicers.unary import CONTEXT, Argument, UnaryHook


def _configured(request: pb.ConfigurationWillBeSavedRequest, result: Any) -> pb.ConfigurationWillBeSavedResponse:
    config, error = split(result)
    if rejected := refusal_error(HookName.ConfigurationWillBeSaved, error, "rejected"):
        return pb.ConfigurationWillBeSavedResponse(error=rejected)
    if config is None or is_same(config, request.new_config, ConfigJson):
        return pb.ConfigurationWillBeSavedResponse()
    return pb.ConfigurationWillBeSavedResponse(modified_config=as_message(config, pb.ConfigJson))


def _configuration_failed(failure: Any) -> pb.ConfigurationWillBeSavedResponse:
    return pb.ConfigurationWillBeSavedResponse(error=told_error(HookName.ConfigurationWillBeSaved, failure))


def _retained(request: pb.RunDataRetentionRequest, result: Any) -> pb.RunDataRetentionResponse:
    count, error = split(result)
    return pb.RunDataRetentionResponse(
        error=refusal_error(HookName.RunDataRetention, error), deleted_count=0 if count is None else count
    )


def _retention_failed(failure: Any) -> pb.RunDataRetentionResponse:
    return pb.RunDataRetentionResponse(error=told_error(HookName.RunDataRetention, failure))


def _supported(
    request: hooks_command_pb2.GenerateSupportDataRequest, result: Any
) -> hooks_command_pb2.GenerateSupportDataResponse:
    # A tuple of two files is no pair of files and an error.
    files, error = (result, None) if _are_files(result) else split(result)
    return hooks_command_pb2.GenerateSupportDataResponse(
        error=refusal_error(HookName.GenerateSupportData, error), files=as_messages(files or (), file_pb2.FileData)
    )


def _are_files(result: Any) -> bool:
    return isinstance(result, tuple) and all(isinstance(item, (FileData, file_pb2.FileData)) for item in result)


def _support_failed(failure: Any) -> hooks_command_pb2.GenerateSupportDataResponse:
    return hooks_command_pb2.GenerateSupportDataResponse(error=told_error(HookName.GenerateSupportData, failure))


HOOKS = (
    UnaryHook(
        HookName.ConfigurationWillBeSaved,
        (Argument("new_config", ConfigJson),),
        answer=_configured,
        absent=lambda request: pb.ConfigurationWillBeSavedResponse(),
        failed=_configuration_failed,
    ),
    UnaryHook(
        HookName.RunDataRetention,
        (Argument("now_time"), Argument("batch_size")),
        answer=_retained,
        absent=lambda request: pb.RunDataRetentionResponse(),
        failed=_retention_failed,
    ),
    UnaryHook(
        HookName.GenerateSupportData,
        (CONTEXT,),
        answer=_supported,
        absent=lambda request: hooks_command_pb2.GenerateSupportDataResponse(),
        failed=_support_failed,
    ),
    notification(HookName.OnSendDailyTelemetry, pb.OnSendDailyTelemetryResponse),
    notification(HookName.OnCloudLimitsUpdated, pb.OnCloudLimitsUpdatedResponse, Argument("limits", ProductLimits)),
)
