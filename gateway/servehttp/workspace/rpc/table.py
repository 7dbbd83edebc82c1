"""Which function answers which rpc, and what makes its response."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeAlias

from google.protobuf.descriptor import MethodDescriptor

from mattermost_plugin.grpc import api_pb2
from servehttp.workspace.packages import modules_of
from servehttp.workspace.rpc import handlers
from servehttp.workspace.rpc.call import ApiCall
from servehttp.workspace.rpc.responder import Responder

Handler: TypeAlias = Callable[[ApiCall, Any], Awaitable[Any]]

SERVICE = api_pb2.DESCRIPTOR.services_by_name["PluginAPI"]
RPCS: Mapping[str, MethodDescriptor] = SERVICE.methods_by_name


def _by_rpc(modules: Iterable[ModuleType]) -> dict[str, Handler]:
    spellings = {name.lower(): name for name in RPCS}
    found: dict[str, Handler] = {}
    for function in (function for module in modules for function in _public(module)):
        rpc = spellings[function.__name__.replace("_", "")]
        if rpc in found:
            raise TypeError(f"{rpc} has two handlers: one is in {inspect.getmodule(function)}")
        found[rpc] = function
    return found


def _public(module: ModuleType) -> Iterator[Handler]:
    for name, value in vars(module).items():
        if inspect.iscoroutinefunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield value


HANDLERS: Mapping[str, Handler] = _by_rpc(modules_of(handlers))
"""The handlers by rpc. Whatever is not in here is answered with 501."""

RESPONDERS: Mapping[str, Responder] = {name: Responder(rpc) for name, rpc in RPCS.items()}


def path_of(rpc: str) -> str:
    """By which it is called."""
    return f"/{SERVICE.full_name}/{rpc}"
