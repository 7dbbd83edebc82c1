"""The hooks a host may call, the decorator that marks a method as the handler of one, and how handlers are found.

A class handles a hook by one method. A subclass replaces a handler by overriding the method, decorated again or not, or
by handling the same hook under another name; it drops one by setting the method's name to None.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeVar, overload

from mattermost_plugin.source_places import place_of

HOOK_MARKER_ATTR = "_mattermost_hook_name"
"""The attribute of a decorated function that holds the name of its hook."""

HOOK_OPTIONS_ATTR = "_mattermost_hook_options"

DISMISS_POST_ERROR = "plugin.message_will_be_posted.dismiss_post"
"""The reason with which MessageWillBePosted and MessageWillBeUpdated drop a post without an error for its author."""

Handler = TypeVar("Handler", bound=Callable[..., Any])
OnError = Literal["allow", "reject"]


class Decorator(Protocol):
    """Marks a handler, and returns it as it is."""

    def __call__(self, function: Handler, /) -> Handler: ...


class HookRegistrationError(Exception):
    """A handler, a command or a job that cannot be registered: the text says where it is written, and why."""


class HookName(StrEnum):
    """Every hook's name, as the host knows it. Members equal plain strings."""

    OnActivate = "OnActivate"
    OnDeactivate = "OnDeactivate"
    OnConfigurationChange = "OnConfigurationChange"
    OnInstall = "OnInstall"
    OnSendDailyTelemetry = "OnSendDailyTelemetry"
    RunDataRetention = "RunDataRetention"
    OnCloudLimitsUpdated = "OnCloudLimitsUpdated"
    ConfigurationWillBeSaved = "ConfigurationWillBeSaved"
    MessageWillBePosted = "MessageWillBePosted"
    MessageWillBeUpdated = "MessageWillBeUpdated"
    MessageHasBeenPosted = "MessageHasBeenPosted"
    MessageHasBeenUpdated = "MessageHasBeenUpdated"
    MessagesWillBeConsumed = "MessagesWillBeConsumed"
    MessageHasBeenDeleted = "MessageHasBeenDeleted"
    FileWillBeUploaded = "FileWillBeUploaded"
    ReactionHasBeenAdded = "ReactionHasBeenAdded"
    ReactionHasBeenRemoved = "ReactionHasBeenRemoved"
    NotificationWillBePushed = "NotificationWillBePushed"
    EmailNotificationWillBeSent = "EmailNotificationWillBeSent"
    PreferencesHaveChanged = "PreferencesHaveChanged"
    UserHasBeenCreated = "UserHasBeenCreated"
    UserWillLogIn = "UserWillLogIn"
    UserHasLoggedIn = "UserHasLoggedIn"
    UserHasBeenDeactivated = "UserHasBeenDeactivated"
    OnSAMLLogin = "OnSAMLLogin"
    ChannelHasBeenCreated = "ChannelHasBeenCreated"
    UserHasJoinedChannel = "UserHasJoinedChannel"
    UserHasLeftChannel = "UserHasLeftChannel"
    UserHasJoinedTeam = "UserHasJoinedTeam"
    UserHasLeftTeam = "UserHasLeftTeam"
    ExecuteCommand = "ExecuteCommand"
    OnWebSocketConnect = "OnWebSocketConnect"
    OnWebSocketDisconnect = "OnWebSocketDisconnect"
    WebSocketMessageHasBeenPosted = "WebSocketMessageHasBeenPosted"
    OnPluginClusterEvent = "OnPluginClusterEvent"
    OnSharedChannelsSyncMsg = "OnSharedChannelsSyncMsg"
    OnSharedChannelsPing = "OnSharedChannelsPing"
    OnSharedChannelsAttachmentSyncMsg = "OnSharedChannelsAttachmentSyncMsg"
    OnSharedChannelsProfileImageSyncMsg = "OnSharedChannelsProfileImageSyncMsg"
    GenerateSupportData = "GenerateSupportData"
    ServeHTTP = "ServeHTTP"


VALID_HOOK_NAMES = frozenset(name.value for name in HookName)

VETOING_HOOKS = frozenset(
    {
        HookName.ConfigurationWillBeSaved,
        HookName.EmailNotificationWillBeSent,
        HookName.FileWillBeUploaded,
        HookName.MessageWillBePosted,
        HookName.MessageWillBeUpdated,
        HookName.MessagesWillBeConsumed,
        HookName.NotificationWillBePushed,
        HookName.OnSAMLLogin,
        HookName.UserWillLogIn,
    }
)
"""The hooks whose handlers can keep something from happening, and do when they fail."""


@dataclass(frozen=True)
class HookOptions:
    """What `@hook` was told besides the name."""

    stream: bool = False
    """ServeHTTP only: an async handler starts before the body has arrived and reads it itself."""
    timeout: float | None = None
    """Seconds that the handler may take, instead of the configured ones."""
    on_error: OnError = "reject"
    """Hooks that can veto only: what a handler that raises or takes too long has decided."""


@dataclass(frozen=True)
class HookHandler:
    """The handler of one hook in one class."""

    attribute: str
    function: Callable[..., Any]
    options: HookOptions


@overload
def hook(name: Handler) -> Handler: ...
@overload
def hook(
    name: str | None = None, *, stream: bool = False, timeout: float | None = None, on_error: OnError = "reject"
) -> Decorator: ...
def hook(name: Any = None, *, stream: bool = False, timeout: float | None = None, on_error: OnError = "reject") -> Any:
    """Mark a method as the handler of a hook.

    Written as `@hook(HookName.OnActivate)`, `@hook("OnActivate")`, or as `@hook` or `@hook()` on a method that has the
    hook's exact name.

    Args:
        name: the hook; left out, the function's own name is the hook's.
        stream: for an async ServeHTTP handler: start at once and read the body as it arrives, instead of when the whole
            body is there.
        timeout: seconds that the handler may take, instead of the configured ones (MATTERMOST_PLUGIN_HOOK_TIMEOUT).
        on_error: for a hook that can veto: "reject" makes a handler that raises or takes too long a veto, "allow" lets
            happen what it was asked about.

    Raises:
        HookRegistrationError: no such hook, or an option that the hook does not have.
    """
    options = HookOptions(stream=stream, timeout=timeout, on_error=on_error)
    if name is None or isinstance(name, str):
        return lambda function: _mark(function, name, options)
    if not callable(name):
        raise HookRegistrationError(f"@hook takes a HookName or the name of a hook, not {type(name).__name__}")
    return _mark(name, None, options)


def _mark(function: Handler, name: str | None, options: HookOptions) -> Handler:
    if name is None:
        name = getattr(function, "__name__", type(function).__name__)
    if name not in VALID_HOOK_NAMES:
        raise HookRegistrationError(f"Unknown hook name {str(name)!r}: HookName lists the names there are")
    hook_name = HookName(name)
    check_options(hook_name, options)
    setattr(function, HOOK_MARKER_ATTR, hook_name.value)
    setattr(function, HOOK_OPTIONS_ATTR, options)
    return function


def check_options(name: HookName, options: HookOptions) -> None:
    """Raise HookRegistrationError for an option that a hook does not have, or that makes no sense."""
    if options.stream and name is not HookName.ServeHTTP:
        raise HookRegistrationError(f"{name.value} has no body to stream: stream=True is for ServeHTTP")
    if options.on_error not in ("allow", "reject"):
        raise HookRegistrationError(f'on_error is "allow" or "reject", not {options.on_error!r}')
    if options.on_error == "allow" and name not in VETOING_HOOKS:
        raise HookRegistrationError(f'{name.value} cannot veto, so there is nothing for on_error="allow" to allow')
    if options.timeout is None:
        return
    if name is HookName.ServeHTTP:
        raise HookRegistrationError("ServeHTTP has no limit to its time, so it takes no timeout=")
    if not isinstance(options.timeout, (int, float)) or not (math.isfinite(options.timeout) and options.timeout > 0):
        raise HookRegistrationError(f"timeout= is a positive number of seconds, not {options.timeout!r}")


def check_signature(handler: Callable[..., Any], name: str, arguments: Sequence[str]) -> None:
    """See that a bound handler takes what it will be called with.

    Args:
        handler: the handler.
        name: the hook's.
        arguments: what it is called with, in order.

    Raises:
        HookRegistrationError: it does not; the text has the file and the line.
    """
    try:
        signature = inspect.signature(handler)
    except (ValueError, TypeError):  # of some callables nobody knows
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        called = getattr(handler, "__qualname__", type(handler).__name__)
        wanted = ", ".join(("self", *arguments))
        raise HookRegistrationError(
            f"{place_of(handler)}: {called} cannot handle {name}: {error}; it is called with ({wanted})"
        ) from None


def get_hook_name(function: object) -> str | None:
    """The name of the hook that a function was marked for, or None."""
    return getattr(function, HOOK_MARKER_ATTR, None)


def is_hook_handler(function: object) -> bool:
    """Whether a function was marked with `@hook`."""
    return callable(function) and get_hook_name(function) is not None


def find_handlers(cls: type) -> dict[str, HookHandler]:
    """The handlers of a class and of those it inherits from, by hook name.

    Raises:
        HookRegistrationError: one class handles a hook twice.
    """
    found: dict[str, HookHandler] = {}
    for base in reversed(cls.__mro__):
        _drop_overridden(found, base)
        found |= _own_handlers(base)
    return found


def _drop_overridden(found: dict[str, HookHandler], cls: type) -> None:
    for name, handler in list(found.items()):
        override = vars(cls).get(handler.attribute, handler)
        if override is handler:
            continue
        del found[name]
        if callable(override) and not is_hook_handler(override):
            found[name] = HookHandler(handler.attribute, override, handler.options)


def _own_handlers(cls: type) -> dict[str, HookHandler]:
    own: dict[str, HookHandler] = {}
    for attribute, function in vars(cls).items():
        name = get_hook_name(function) if callable(function) else None
        if name is None:
            continue
        if name in own:
            raise HookRegistrationError(
                f"Duplicate hook registration: {cls.__qualname__} handles {name} twice,"
                f" in {own[name].attribute} and in {attribute}"
            )
        own[name] = HookHandler(attribute, function, getattr(function, HOOK_OPTIONS_ATTR, HookOptions()))
    return own
