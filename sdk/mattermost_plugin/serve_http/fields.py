"""The fields of ServeHTTP's messages, as proto/mattermost/pluginapi/v1/hooks_http.proto has them."""

from __future__ import annotations

from typing import Final

from mattermost_plugin.grpc import hooks_common_pb2 as common
from mattermost_plugin.grpc import hooks_http_pb2 as pb
from mattermost_plugin.tunnel.wire_format import Field

REQUEST_INIT: Final = Field(pb.ServeHTTPRequest, "init")
REQUEST_CHUNK: Final = Field(pb.ServeHTTPRequest, "body_chunk")
REQUEST_COMPLETE: Final = Field(pb.ServeHTTPRequest, "body_complete")

PLUGIN_CONTEXT: Final = Field(pb.ServeHTTPRequestInit, "plugin_context")
METHOD: Final = Field(pb.ServeHTTPRequestInit, "method")
URL: Final = Field(pb.ServeHTTPRequestInit, "url")
PROTO: Final = Field(pb.ServeHTTPRequestInit, "proto")
PROTO_MAJOR: Final = Field(pb.ServeHTTPRequestInit, "proto_major")
PROTO_MINOR: Final = Field(pb.ServeHTTPRequestInit, "proto_minor")
REQUEST_HEADERS: Final = Field(pb.ServeHTTPRequestInit, "headers")
HOST: Final = Field(pb.ServeHTTPRequestInit, "host")
REMOTE_ADDR: Final = Field(pb.ServeHTTPRequestInit, "remote_addr")
REQUEST_URI: Final = Field(pb.ServeHTTPRequestInit, "request_uri")
CONTENT_LENGTH: Final = Field(pb.ServeHTTPRequestInit, "content_length")

REQUEST_ID: Final = Field(common.PluginContext, "request_id")
IP_ADDRESS: Final = Field(common.PluginContext, "ip_address")
ACCEPT_LANGUAGE: Final = Field(common.PluginContext, "accept_language")
USER_AGENT: Final = Field(common.PluginContext, "user_agent")

KEY: Final = Field(pb.HTTPHeader, "key")
VALUES: Final = Field(pb.HTTPHeader, "values")

RESPONSE_INIT: Final = Field(pb.ServeHTTPResponse, "init")
RESPONSE_CHUNK: Final = Field(pb.ServeHTTPResponse, "body_chunk")
RESPONSE_COMPLETE: Final = Field(pb.ServeHTTPResponse, "body_complete")
FLUSH: Final = Field(pb.ServeHTTPResponse, "flush")

STATUS: Final = Field(pb.ServeHTTPResponseInit, "status_code")
RESPONSE_HEADERS: Final = Field(pb.ServeHTTPResponseInit, "headers")
