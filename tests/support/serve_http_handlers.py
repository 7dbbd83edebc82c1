"""Plugins with a ServeHTTP handler, and handlers for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.grpc.hooks_common_pb2 import PluginContext
from mattermost_plugin.servicers.hooks_servicer import HTTPRequest, HTTPResponseWriter


def handling(handler: Callable[..., Any], *, stream: bool = False) -> Plugin:
    """A plugin whose ServeHTTP handler this is."""
    plugin: Plugin = type("Handling", (Plugin,), {"serve": hook(HookName.ServeHTTP, stream=stream)(handler)})()
    return plugin


def describe(self: Plugin, context: PluginContext, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None:
    """Answers with what it was asked: in headers, and the body as it came."""
    response_writer.set_header("X-Method", request.method)
    response_writer.set_header("X-Url", request.url)
    response_writer.set_header("X-Uri", request.request_uri)
    response_writer.set_header("X-Context", f"{context.request_id} {context.ip_address} {context.user_agent}")
    response_writer.set_header("X-Address", f"{request.host} {request.remote_addr} {request.proto}")
    response_writer.set_header("X-Names", " ".join(sorted(request.headers)))
    response_writer.write_header(201)
    response_writer.write(request.body)


async def describe_async(self: Plugin, *arguments: Any) -> None:
    """`describe` as an async handler."""
    describe(self, *arguments)
