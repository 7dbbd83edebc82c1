"""Many exchanges over one gRPC stream; docs/protocol.md is the specification.

The core (`states`, `windows`, `connection`) never awaits and knows neither gRPC nor protobuf; `codec` knows protobuf;
`driver` awaits; `servicer` is the plugin's gRPC service.
"""
