"""A gRPC stream that this side has called, read and written without loss."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc


class CallStream:
    """`read` and `write` on a bidirectional call.

    Once a write has failed, because the peer has answered and gone, grpc's own `read` gives up too, though messages
    that came before may not have been read yet. Iteration gives them all, so `read` goes that way.

    grpc's own first `write` waits for the call to begin. A call that ends before that never does, and its writer would
    wait for ever.

    Args:
        call: the call; nobody else may read it.
    """

    __slots__ = ("_begun", "_call", "_messages")

    def __init__(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        self._call = call
        self._messages = aiter(call)
        self._begun = False

    async def read(self) -> Any:
        """The next message; None once the peer has ended the stream in order.

        Raises:
            grpc.aio.AioRpcError: it ended otherwise.
        """
        return await anext(self._messages, None)

    async def write(self, message: Any) -> None:
        """Send a message; waits while the peer does not keep up.

        Raises:
            asyncio.InvalidStateError, grpc.aio.AioRpcError: the call has ended.
        """
        if self._begun:
            await self._call.write(message)
        else:
            await self._write_first(message)
            self._begun = True

    async def _write_first(self, message: Any) -> None:
        ended = asyncio.Event()
        self._call.add_done_callback(lambda _: ended.set())
        writing, ending = asyncio.ensure_future(self._call.write(message)), asyncio.ensure_future(ended.wait())
        try:
            await asyncio.wait((writing, ending), return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                raise asyncio.InvalidStateError("the call has ended before it began")
            writing.result()
        finally:
            writing.cancel()
            ending.cancel()
            await asyncio.gather(writing, ending, return_exceptions=True)
