"""Which function answers which rpc."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeAlias

from google.protobuf.descriptor import MethodDescriptor

from mattermost_plugin.grpc import api_pb2
from servehttp.workspace.rpc import (
    bots,
    channel_members,
    channels,
    commands,
    config,
    facts,
    files,
    group_syncables,
    groups,
    kv,
    logs,
    notifications,
    oauth_apps,
    permissions,
    plugins,
    posts,
    preferences,
    properties,
    reactions,
    sessions,
    shared_channels,
    sidebar,
    teams,
    users,
)

Handler: TypeAlias = Callable[..., Awaitable[Any]]

SERVICE = api_pb2.DESCRIPTOR.services_by_name["PluginAPI"]
RPCS: Mapping[str, MethodDescriptor] = SERVICE.methods_by_name

MODULES = (
    bots,
    channel_members,
    channels,
    commands,
    config,
    facts,
    files,
    group_syncables,
    groups,
    kv,
    logs,
    notifications,
    oauth_apps,
    permissions,
    plugins,
    posts,
    preferences,
    properties,
    reactions,
    sessions,
    shared_channels,
    sidebar,
    teams,
    users,
)
"""Every public coroutine function of these is the handler of the rpc of its name."""


def _by_rpc(modules: tuple[ModuleType, ...]) -> dict[str, Handler]:
    spellings = {name.lower(): name for name in RPCS}
    handlers: dict[str, Handler] = {}
    for function in (function for module in modules for function in _public(module)):
        rpc = spellings[function.__name__.replace("_", "")]
        if rpc in handlers:
            raise TypeError(f"{rpc} has two handlers: one is in {inspect.getmodule(function)}")
        handlers[rpc] = function
    return handlers


def _public(module: ModuleType) -> Iterator[Handler]:
    for name, value in vars(module).items():
        if inspect.iscoroutinefunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield value


HANDLERS: Mapping[str, Handler] = _by_rpc(MODULES)
"""The handlers by rpc. Whatever is not in here is answered with 501."""
