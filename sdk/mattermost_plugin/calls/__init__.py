"""Unary calls between our own ends, on one stream of a unix socket: docs/protocol.md §9."""
