"""Many exchanges over one gRPC call; docs/protocol.md is the specification.

The core (`states`, `windows`, `connection`) never awaits and knows neither gRPC nor protobuf; `encoding` and `decoding`
know protobuf; `driver` awaits; `message_stream`, and `direct` over `http2`, are the call in two ways; `servicer` is the
plugin's service.
"""
