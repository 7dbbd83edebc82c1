"""Every hook but ServeHTTP, by name. What a hook gets and answers is imported when it is wanted: that brings models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from mattermost_plugin.hooks import HookName

if TYPE_CHECKING:
    from mattermost_plugin.servicers.unary import UnaryHook

SUBJECTS: Mapping[str, tuple[HookName, ...]] = {
    "lifecycle": (
        HookName.OnActivate,
        HookName.OnDeactivate,
        HookName.OnConfigurationChange,
        HookName.OnInstall,
    ),
    "system": (
        HookName.ConfigurationWillBeSaved,
        HookName.RunDataRetention,
        HookName.GenerateSupportData,
        HookName.OnSendDailyTelemetry,
        HookName.OnCloudLimitsUpdated,
    ),
    "messages": (
        HookName.MessageWillBePosted,
        HookName.MessageWillBeUpdated,
        HookName.MessagesWillBeConsumed,
        HookName.MessageHasBeenPosted,
        HookName.MessageHasBeenUpdated,
        HookName.MessageHasBeenDeleted,
        HookName.ReactionHasBeenAdded,
        HookName.ReactionHasBeenRemoved,
    ),
    "files": (HookName.FileWillBeUploaded,),
    "notifications": (
        HookName.NotificationWillBePushed,
        HookName.EmailNotificationWillBeSent,
        HookName.PreferencesHaveChanged,
    ),
    "users": (
        HookName.UserWillLogIn,
        HookName.OnSAMLLogin,
        HookName.UserHasBeenCreated,
        HookName.UserHasLoggedIn,
        HookName.UserHasBeenDeactivated,
    ),
    "channels": (
        HookName.ChannelHasBeenCreated,
        HookName.UserHasJoinedChannel,
        HookName.UserHasLeftChannel,
        HookName.UserHasJoinedTeam,
        HookName.UserHasLeftTeam,
    ),
    "commands": (HookName.ExecuteCommand,),
    "events": (
        HookName.OnWebSocketConnect,
        HookName.OnWebSocketDisconnect,
        HookName.WebSocketMessageHasBeenPosted,
        HookName.OnPluginClusterEvent,
    ),
    "shared_channels": (
        HookName.OnSharedChannelsSyncMsg,
        HookName.OnSharedChannelsPing,
        HookName.OnSharedChannelsAttachmentSyncMsg,
        HookName.OnSharedChannelsProfileImageSyncMsg,
    ),
}
"""The modules of this package, and the hooks that each has."""


class HookTable(Mapping[str, "UnaryHook"]):
    """The hooks by name."""

    def __init__(self) -> None:
        self._subjects = {name.value: subject for subject, names in SUBJECTS.items() for name in names}
        self._hooks: dict[str, UnaryHook] = {}

    def __getitem__(self, name: str) -> UnaryHook:
        if name not in self._hooks:
            module = import_module(f"{__package__}.{self._subjects[name]}")
            self._hooks |= {hook.name.value: hook for hook in module.HOOKS}
        return self._hooks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._subjects)

    def __len__(self) -> int:
        return len(self._subjects)


UNARY_HOOKS = HookTable()
