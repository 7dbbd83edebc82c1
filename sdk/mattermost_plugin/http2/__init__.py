"""gRPC over HTTP/2 (RFC 9113), without gRPC's library and without I/O.

`frames` is the wire, `endpoint` what comes and goes as frames, `header_blocks` HPACK and what blocks mean, `messages`
and `statuses` what gRPC adds. `transfer` is data within windows, `connection` one end of a connection with many
streams, `client` and `server` its two roles, `events` what they tell, `limits` what a peer may do. None of these waits,
and none knows asyncio. `channel` makes calls with them on an event loop, `connecting` makes channels.
"""
