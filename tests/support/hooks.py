"""A plugin with one hook, called by a host through a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf import message_factory
from google.protobuf.message import Message

from mattermost_plugin import HookName, Plugin, RuntimeConfig, hook
from mattermost_plugin.grpc import hooks_pb2
from support import plugin_host
from support.api_host import filled
from support.plugin_host import Host

RPCS = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"].methods_by_name
UNARY = tuple(name.value for name in HookName if name is not HookName.ServeHTTP)
SHORT = RuntimeConfig(hook_timeout=0.05)
"""For handlers that never come to an end."""


def full_request(name: str) -> Any:
    """The hook's request, with every field filled."""
    return filled(RPCS[name].input_type)


def empty_request(name: str) -> Any:
    return message_factory.GetMessageClass(RPCS[name].input_type)()


def plugin_with(name: str, handler: Callable[..., Any], config: RuntimeConfig | None = None, **options: Any) -> Plugin:
    """A plugin that handles one hook with a function that takes `self` first."""
    cls = type("Handling", (Plugin,), {"handler": hook(name, **options)(handler)})
    plugin: Plugin = cls(config=config or RuntimeConfig())
    return plugin


async def ask(host: Host, name: str, request: Message | None = None) -> Any:
    """The response to a full request, or to the given one."""
    return await getattr(host.hooks, name)(full_request(name) if request is None else request)


async def asked(name: str, handler: Callable[..., Any], request: Message | None = None, **options: Any) -> Any:
    """The response of a plugin with this handler."""
    async with plugin_host.serving(plugin_with(name, handler, **options)) as (_, host):
        return await ask(host, name, request)


async def returned(name: str, result: object, request: Message | None = None) -> Any:
    """The response of a plugin whose handler returns this."""
    return await asked(name, lambda self, *arguments: result, request)
