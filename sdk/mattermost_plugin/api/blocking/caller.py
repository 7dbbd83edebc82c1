"""Makes calls that block: what the methods of the blocking client stand on."""

from __future__ import annotations

import asyncio
import threading
import time
from types import TracebackType
from typing import Self

import grpc

from mattermost_plugin.api.calls import (
    DEFAULT_TIMEOUT,
    TRANSFER_TIMEOUT,
    Attempts,
    Connection,
    RequestT,
    ResponseT,
    Rpc,
    checked,
    closed_error,
    find_endpoint,
    with_origin,
)
from mattermost_plugin.api.channel import Options, create_channel
from mattermost_plugin.tracing import Kind, around


class BlockingCaller:
    """A connection to the host's API, made by the first call. Threads may share it.

    Args:
        target: `host:port` or `unix:PATH`; by default what the environment says.
        credentials: for TLS.
        options: gRPC channel options, beside or instead of `DEFAULT_CHANNEL_OPTIONS`.
        token: proves the plugin to a host that listens on TCP; by default the environment's, if the target is as well.
        timeout: seconds that a call may take, retries included.
        transfer_timeout: the same for calls that carry a file.

    Raises:
        RuntimeError: no target is given, and the environment has none.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        options: Options | None = None,
        token: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        transfer_timeout: float = TRANSFER_TIMEOUT,
    ) -> None:
        self._endpoint = find_endpoint(target, credentials, options, token, timeout, transfer_timeout)
        self._metadata = self._endpoint.metadata
        self._connection: Connection | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def target(self) -> str:
        """Where the host's API is."""
        return self._endpoint.target

    @property
    def connected(self) -> bool:
        """Whether there is a connection to close."""
        return self._connection is not None

    def connect(self) -> None:
        """Connect now rather than with the first call, or again after `close`.

        Raises:
            RuntimeError: it is connected.
        """
        with self._lock:
            if self._connection is not None:
                raise RuntimeError(f"the API client is connected to {self.target} already")
            self._open()

    def close(self) -> None:
        """Hang up; calls that are under way fail. Again, or before a connection, it only forbids further calls."""
        with self._lock:
            connection, self._connection = self._connection, None
            self._closed = True
        if connection is not None:
            connection.channel.close()

    def __enter__(self) -> Self:
        if not self.connected:
            self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, rpc: Rpc[RequestT, ResponseT], request: RequestT, timeout: float | None = None) -> ResponseT:
        _refuse_event_loop(rpc.name)
        with around(f"api {rpc.name}", Kind.CALLING):
            return self._try(rpc, request, timeout)

    def _try(self, rpc: Rpc[RequestT, ResponseT], request: RequestT, timeout: float | None) -> ResponseT:
        attempts = Attempts(rpc, self._endpoint.seconds(rpc, timeout))
        while True:
            try:
                response: ResponseT = self._connected().method(rpc)(
                    request, timeout=attempts.left(), metadata=with_origin(self._metadata)
                )
            except grpc.RpcError as error:
                pause = attempts.pause_after(error)
            else:
                return checked(response)
            time.sleep(pause)

    def _connected(self) -> Connection:
        connection = self._connection
        if connection is not None:
            return connection
        with self._lock:
            if self._closed:
                raise closed_error()
            return self._connection or self._open()

    def _open(self) -> Connection:
        endpoint = self._endpoint
        channel = create_channel(endpoint.target, credentials=endpoint.credentials, options=endpoint.options)
        self._connection = Connection(channel)
        self._closed = False
        return self._connection


def _refuse_event_loop(name: str) -> None:
    """A host may answer a call by calling a hook first, which a blocked loop could never serve."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        f"{name} was called with the blocking client on the event loop's thread, and would stop everything there,"
        " the hooks that the host may call before it answers included: await the method of self.async_api instead,"
        " or call this one from a sync handler or with asyncio.to_thread"
    )
