"""A gRPC stream that this side has called, read without loss."""

from __future__ import annotations

from typing import Any

import grpc


class CallStream:
    """`read` and `write` on a bidirectional call.

    Once a write has failed, because the peer has answered and gone, grpc's own `read` gives up too, though messages
    that came before may not have been read yet. Iteration gives them all, so `read` goes that way.

    Args:
        call: the call; nobody else may read it.
    """

    __slots__ = ("_call", "_messages")

    def __init__(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        self._call = call
        self._messages = aiter(call)

    async def read(self) -> Any:
        """The next message; None once the peer has ended the stream in order.

        Raises:
            grpc.aio.AioRpcError: it ended otherwise.
        """
        return await anext(self._messages, None)

    async def write(self, message: Any) -> None:
        """Send a message; waits while the peer does not keep up."""
        await self._call.write(message)
