"""Makes calls from an event loop: what the methods of the async client stand on."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mattermost_plugin.api.aio.direct import DirectCalls
from mattermost_plugin.api.calls import (
    DEFAULT_TIMEOUT,
    TRANSFER_TIMEOUT,
    Attempts,
    Connection,
    Endpoint,
    RequestT,
    ResponseT,
    Rpc,
    checked,
    closed_error,
    find_endpoint,
    with_origin,
)
from mattermost_plugin.api.channel import Options, create_async_channel, merged
from mattermost_plugin.calls.errors import CallRefused
from mattermost_plugin.statuses import CallFailed
from mattermost_plugin.targets import UNIX
from mattermost_plugin.tracing import Kind, around

if TYPE_CHECKING:  # it takes long to import, and only some calls need it
    import grpc
    import httpx2


class AsyncCaller:
    """A connection to the host's API, made by the first call. It belongs to the event loop of that call; once that loop
    is closed, as after `asyncio.run`, the next call makes another one in its own.

    A call goes past gRPC's library where that can be; the library is imported for the first one that needs it.

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
        self._direct: DirectCalls | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._http: httpx2.AsyncClient | None = None

    @property
    def http(self) -> httpx2.AsyncClient:
        """A client of httpx2 for the host itself: `/plugins/ID/…` is another plugin, `/api/v4/…` its REST API.

        Bodies stream both ways. What another plugin is sent has the header `Mattermost-Plugin-ID`; the REST API wants a
        token, as from anybody. It is closed with this client.

        Raises:
            ImportError: httpx2 is not installed.
            RuntimeError: the API is not at a unix socket, or this client is closed, or another event loop's.
        """
        self._check_open()
        if self._http is None:
            try:
                from mattermost_plugin.api.aio.host_http import make_client  # here, because its library is optional
            except ImportError as error:
                raise ImportError("requests to the host are made by httpx2: pip install 'servehttp[http]'") from error

            self._http = make_client(self._endpoint.target if _is_socket(self._endpoint) else "")
        return self._http

    @property
    def target(self) -> str:
        """Where the host's API is."""
        return self._endpoint.target

    @property
    def connected(self) -> bool:
        """Whether there is a connection to close."""
        return self._loop is not None and not self._loop.is_closed()

    async def connect(self) -> None:
        """Connect now rather than with the first call, or again after `close`.

        Raises:
            RuntimeError: it is connected.
        """
        if self.connected:
            raise RuntimeError(f"the API client is connected to {self.target} already")
        self._open()

    async def close(self) -> None:
        """Hang up; calls that are under way fail. Again, or before a connection, it only forbids further calls."""
        self._forget_closed_loop()
        connection, self._connection = self._connection, None
        direct, self._direct = self._direct, None
        http, self._http = self._http, None
        self._loop = None
        self._closed = True
        try:
            if http is not None:
                await http.aclose()
            if direct is not None:
                await direct.close()
        finally:
            if connection is not None:
                await connection.channel.close()

    async def __aenter__(self) -> Self:
        if not self.connected:
            await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, rpc: Rpc[RequestT, ResponseT], request: RequestT, timeout: float | None = None) -> ResponseT:
        with around(f"api {rpc.name}", Kind.CALLING):
            return await self._try(rpc, request, timeout)

    async def _try(self, rpc: Rpc[RequestT, ResponseT], request: RequestT, timeout: float | None) -> ResponseT:
        attempts = Attempts(rpc, self._endpoint.seconds(rpc, timeout))
        while True:
            try:
                response = await self._attempt(rpc, request, attempts)
            except _failures() as error:
                pause = attempts.pause_after(error)
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                raise closed_error() from None  # closing the channel cancels its calls, not those who wait for them
            else:
                return checked(response)
            await asyncio.sleep(pause)

    async def _attempt(self, rpc: Rpc[RequestT, ResponseT], request: RequestT, attempts: Attempts) -> ResponseT:
        self._check_open()
        if self._direct is not None and not rpc.transfer:
            with contextlib.suppress(CallRefused):
                return rpc.response.FromString(await self._direct.call(rpc.path, request, attempts.left()))
        call = self._by_grpc().method(rpc)(request, timeout=attempts.left(), metadata=with_origin(self._metadata))
        try:
            response: ResponseT = await call
        finally:
            call.cancel()
        return response

    def _check_open(self) -> None:
        """Open the connection if there is none.

        Raises:
            RuntimeError: it was closed, or is another event loop's that still runs.
        """
        self._forget_closed_loop()
        if self._loop is None:
            if self._closed:
                raise closed_error()
            self._open()
        elif self._loop is not asyncio.get_running_loop():
            raise RuntimeError(
                "this async API client belongs to another event loop, the one of its first call:"
                " make a client for each loop, or use the blocking one from threads"
            )

    def _forget_closed_loop(self) -> None:
        """What was open in a loop that is closed can be closed no more."""
        if self._loop is not None and self._loop.is_closed():
            self._loop = self._connection = self._direct = self._http = None

    def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._direct = _direct_calls(self._endpoint)
        self._closed = False

    def _by_grpc(self) -> Connection:
        self._check_open()  # it may have been closed meanwhile
        if self._connection is None:
            endpoint = self._endpoint
            channel = create_async_channel(endpoint.target, credentials=endpoint.credentials, options=endpoint.options)
            self._connection = Connection(channel)
        return self._connection


def _failures() -> tuple[type[grpc.RpcError] | type[CallFailed], ...]:
    """What a call ends with that has no answer; gRPC's own only if its library made it."""
    library = sys.modules.get("grpc")
    return (CallFailed,) if library is None else (CallFailed, library.RpcError)


def _direct_calls(endpoint: Endpoint) -> DirectCalls | None:
    """None for calls that bring more than a request: a token, or TLS."""
    if not _is_socket(endpoint):
        return None
    options = dict(merged(endpoint.options))
    return DirectCalls(
        endpoint.target, options["grpc.max_send_message_length"], options["grpc.max_receive_message_length"]
    )


def _is_socket(endpoint: Endpoint) -> bool:
    """Whether whoever reaches it need not prove who they are."""
    return endpoint.target.startswith(UNIX) and not endpoint.token and endpoint.credentials is None


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
