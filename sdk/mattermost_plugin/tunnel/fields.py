"""The fields of the tunnel's messages, as proto/servehttp/tunnel/v1/tunnel.proto has them."""

from __future__ import annotations

from typing import Final

from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.tunnel.wire_format import Field

HELLO: Final = Field(pb.Message, "hello")
FRAME: Final = Field(pb.Message, "frames")

MIN_VERSION: Final = Field(pb.Hello, "min_version")
MAX_VERSION: Final = Field(pb.Hello, "max_version")
WINDOW: Final = Field(pb.Hello, "window")
MAX_EXCHANGES: Final = Field(pb.Hello, "max_exchanges")
AGENT: Final = Field(pb.Hello, "agent")

EXCHANGE: Final = Field(pb.Frame, "exchange")
REQUEST: Final = Field(pb.Frame, "request")
INFORMATIONAL: Final = Field(pb.Frame, "informational")
RESPONSE: Final = Field(pb.Frame, "response")
ACCEPT: Final = Field(pb.Frame, "accept")
MESSAGE: Final = Field(pb.Frame, "message")
CLOSE: Final = Field(pb.Frame, "close")
RESET: Final = Field(pb.Frame, "reset")
CREDIT: Final = Field(pb.Frame, "credit")
DRAIN: Final = Field(pb.Frame, "drain")
DRAIN_NOTICE: Final = Field(pb.Drain, "notice")
BODY: Final = Field(pb.Frame, "body")
END: Final = Field(pb.Frame, "end")
TRAILERS: Final = Field(pb.Frame, "trailers")

METHOD: Final = Field(pb.Request, "method")
TARGET: Final = Field(pb.Request, "target")
ROOT_LENGTH: Final = Field(pb.Request, "root_length")
SCHEME: Final = Field(pb.Request, "scheme")
HTTP_VERSION: Final = Field(pb.Request, "http_version")
REQUEST_HEADERS: Final = Field(pb.Request, "headers")
ITEMS: Final = Field(pb.Fields, "items")
CLIENT_HOST: Final = Field(pb.Request, "client_host")
CLIENT_PORT: Final = Field(pb.Request, "client_port")
SERVER_HOST: Final = Field(pb.Request, "server_host")
SERVER_PORT: Final = Field(pb.Request, "server_port")
WEBSOCKET: Final = Field(pb.Request, "websocket")
TAKES_TRAILERS: Final = Field(pb.Request, "trailers")
TAKES_EARLY_HINTS: Final = Field(pb.Request, "early_hints")
REQUEST_ID: Final = Field(pb.Request, "request_id")

STATUS: Final = Field(pb.Response, "status")
RESPONSE_HEADERS: Final = Field(pb.Response, "headers")
HAS_TRAILERS: Final = Field(pb.Response, "trailers")

ACCEPT_HEADERS: Final = Field(pb.Accept, "headers")
SUBPROTOCOL: Final = Field(pb.Accept, "subprotocol")

DATA: Final = Field(pb.WebSocketMessage, "data")
TEXT: Final = Field(pb.WebSocketMessage, "text")
MORE: Final = Field(pb.WebSocketMessage, "more")

CLOSE_CODE: Final = Field(pb.Close, "code")
CLOSE_REASON: Final = Field(pb.Close, "reason")

RESET_CODE: Final = Field(pb.Reset, "code")
RESET_REASON: Final = Field(pb.Reset, "reason")
