"""What answers the hooks, by their rpcs' paths."""

from __future__ import annotations

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from mattermost_plugin.calls.outcomes import Answer, answering
from mattermost_plugin.grpc import hooks_pb2
from mattermost_plugin.servicers.hooks_servicer import PluginHooksServicerImpl

SERVICE = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"]
SERVE_HTTP = f"/{SERVICE.full_name}/ServeHTTP"


def direct_hooks(servicer: PluginHooksServicerImpl) -> dict[str, Answer]:
    """What answers each unary rpc, by its path."""
    return {f"/{SERVICE.full_name}/{rpc.name}": _answer(servicer, rpc) for rpc in SERVICE.methods if _is_unary(rpc)}


def _answer(servicer: PluginHooksServicerImpl, rpc: MethodDescriptor) -> Answer:
    return answering(getattr(servicer, rpc.name), GetMessageClass(rpc.input_type))


def _is_unary(rpc: MethodDescriptor) -> bool:
    return not (rpc.client_streaming or rpc.server_streaming)
