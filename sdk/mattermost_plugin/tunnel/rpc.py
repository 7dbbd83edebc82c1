"""The tunnel's one rpc: a call of bytes, of which the codec knows what is in them."""

from __future__ import annotations

from mattermost_plugin.grpc import tunnel_pb2

SERVICE = tunnel_pb2.DESCRIPTOR.services_by_name["Tunnel"].full_name
CONNECT = f"/{SERVICE}/Connect"
