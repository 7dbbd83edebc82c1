"""The hooks as the contract has them, and their requests made of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from mattermost_plugin.grpc import hooks_pb2
from mattermost_plugin.models import PluginContext
from mattermost_plugin.request_id import current

_METHODS: Mapping[str, MethodDescriptor] = {
    method.name: method
    for method in hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"].methods
    if method.name not in ("Implemented", "ServeHTTP")
}

HOOKS = frozenset(_METHODS)
"""Every hook that one message asks and one message answers. ServeHTTP is the front's."""

NOTIFICATIONS = frozenset(name for name, method in _METHODS.items() if not method.output_type.fields) | {
    "OnConfigurationChange"
}
"""Hooks to which there is no answer, or one that is only for the log."""


def request(hook: str, context: PluginContext, fields: Mapping[str, Any]) -> Message:
    """The request of a hook.

    Args:
        hook: its name.
        context: set where the request has a place for it.
        fields: the other fields by name, as models, lists of models, messages or plain values; None for none.

    Raises:
        ValueError: there is no such hook, or no such field.
    """
    make, has_context = _kind(hook)
    values = {name: _wire(value) for name, value in fields.items()}
    if has_context:
        values.setdefault("plugin_context", _of_request(context).to_proto())
    return make(**values)


def _of_request(context: PluginContext) -> PluginContext:
    """A context with the id of the request that is served here, where it says none."""
    return context if context.request_id else replace(context, request_id=current.get())


@cache
def _kind(hook: str) -> tuple[type[Message], bool]:
    """The class of a hook's request, and whether it has a place for the context."""
    if hook not in _METHODS:
        raise ValueError(f"there is no hook {hook}")
    kind = _METHODS[hook].input_type
    return message_factory.GetMessageClass(kind), "plugin_context" in kind.fields_by_name


def _wire(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_wire(item) for item in value]
    return value.to_proto() if hasattr(value, "to_proto") else value
