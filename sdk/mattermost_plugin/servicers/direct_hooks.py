"""What answers the hooks, by their rpcs' paths. The messages of a hook are imported with its first call."""

from __future__ import annotations

import functools

from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from mattermost_plugin.calls.outcomes import Answer, CallContext, answering
from mattermost_plugin.grpc import hooks_lifecycle_pb2
from mattermost_plugin.servicers.hooks_servicer import PluginHooksServicerImpl
from mattermost_plugin.servicers.table import UNARY_HOOKS

PACKAGE = hooks_lifecycle_pb2.DESCRIPTOR.package
SERVICE = f"{PACKAGE}.PluginHooks"
SERVE_HTTP = f"/{SERVICE}/ServeHTTP"
IMPLEMENTED = "Implemented"


def direct_hooks(servicer: PluginHooksServicerImpl) -> dict[str, Answer]:
    """What answers each unary rpc, by its path."""
    return {f"/{SERVICE}/{name}": _answer(servicer, name) for name in (IMPLEMENTED, *UNARY_HOOKS)}


def _answer(servicer: PluginHooksServicerImpl, name: str) -> Answer:
    @functools.cache
    def found() -> Answer:
        return answering(getattr(servicer, name), request_class(name))

    async def answer(body: bytes, context: CallContext) -> bytes:
        return await found()(body, context)

    return answer


def request_class(name: str) -> type[Message]:
    """The message of an rpc's request."""
    if name != IMPLEMENTED:
        UNARY_HOOKS[name]  # which imports it
    return GetMessageClass(Default().FindMessageTypeByName(f"{PACKAGE}.{name}Request"))
