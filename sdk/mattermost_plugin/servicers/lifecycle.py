"""The hooks about the plugin's own life: installed, started, stopped, configured anew."""

from __future__ import annotations

from mattermost_plugin.grpc import hooks_lifecycle_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import OnInstallEvent
from mattermost_plugin.servicers.kinds import fallible
from mattermost_plugin.servicers.unary import CONTEXT, Argument


def nothing(result: object) -> None:
    """What a handler says whose result means nothing."""


ON_ACTIVATE = fallible(HookName.OnActivate, pb.OnActivateResponse)
ON_DEACTIVATE = fallible(HookName.OnDeactivate, pb.OnDeactivateResponse, returned=nothing)

HOOKS = (
    ON_ACTIVATE,
    ON_DEACTIVATE,
    fallible(HookName.OnConfigurationChange, pb.OnConfigurationChangeResponse, returned=nothing),
    fallible(HookName.OnInstall, pb.OnInstallResponse, CONTEXT, Argument("event", OnInstallEvent)),
)
