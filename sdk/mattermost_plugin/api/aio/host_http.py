"""HTTP requests to the host: a transport for httpx2 over a tunnel to where the API is. Bodies stream both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import httpx2

from mattermost_plugin.exchange import Body, End, Exchange, Informational, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.origin import here, metadata
from mattermost_plugin.tunnel.direct import CallEnded, connect
from mattermost_plugin.tunnel.driver import Tunnel
from mattermost_plugin.tunnel.errors import TunnelClosed, TunnelError
from mattermost_plugin.tunnel.rpc import CONNECT
from mattermost_plugin.tunnel.states import Half

BASE_URL = "http://servehttp"
"""What relative URLs are below; another origin is refused."""
NOT_FORWARDED = frozenset((b"connection", b"keep-alive"))


def make_client(target: str) -> httpx2.AsyncClient:
    """A client for the host whose API is at a unix socket, `unix:PATH`.

    Raises:
        RuntimeError: it is not at one.
    """
    if not target:
        raise RuntimeError("requests to the host are made at a unix socket, and its API is at a port: use plugin_http")
    return httpx2.AsyncClient(transport=HostTransport(target), base_url=BASE_URL, trust_env=False)


class HostTransport(httpx2.AsyncBaseTransport):
    """Carries requests to the host; connects with the first one, and again when the connection was lost.

    Args:
        target: where the API is, `unix:PATH`.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._tunnel: Tunnel | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self._connecting = asyncio.Lock()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request; httpx2 calls it."""
        if request.url.host != httpx2.URL(BASE_URL).host:
            raise httpx2.UnsupportedProtocol(f"{request.url} is not the host's: name a path, such as /plugins/ID/")
        timeouts: Mapping[str, float | None] = request.extensions.get("timeout", {})
        exchange = await self._open(request, timeouts.get("connect"))
        answer = _Answer(exchange, timeouts.get("read"))
        answer.send(request, timeouts.get("write"))
        try:
            head = await answer.head()
        except BaseException:
            await answer.aclose()
            raise
        return httpx2.Response(head.status, headers=list(head.headers), stream=answer)

    async def aclose(self) -> None:
        """Hang up; requests that are under way fail."""
        self._tunnel = None
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)

    async def _open(self, request: httpx2.Request, timeout: float | None) -> Exchange:
        headers = [(name.lower(), value) for name, value in request.headers.raw if name.lower() not in NOT_FORWARDED]
        given = {name for name, _ in headers}
        origin = [(name.encode(), value.encode()) for name, value in metadata(here())]
        headers += [header for header in origin if header[0] not in given]
        try:
            async with asyncio.timeout(timeout), self._connecting:
                tunnel = await self._connected()
            return tunnel.open(Request(request.method, request.url.raw_path, headers=headers))
        except TimeoutError:
            raise httpx2.ConnectTimeout("the host took no connection in time") from None
        except (OSError, TunnelClosed, TunnelError, CallEnded) as error:
            raise httpx2.ConnectError(f"no way to the host at {self._target}: {error}") from error

    async def _connected(self) -> Tunnel:
        if self._tunnel is not None and self._tunnel.accepting:
            return self._tunnel
        tunnel = self._tunnel = Tunnel(Half.GATEWAY, await connect(self._target, CONNECT))
        run = asyncio.create_task(tunnel.run(), name="requests to the host")
        self._runs.add(run)
        run.add_done_callback(self._ended)
        await tunnel.greeted()
        return tunnel

    def _ended(self, run: asyncio.Task[None]) -> None:
        self._runs.discard(run)
        if not run.cancelled():
            run.exception()  # its requests tell it


class _Answer(httpx2.AsyncByteStream):
    """The response to one request, whose body goes out meanwhile."""

    def __init__(self, exchange: Exchange, timeout: float | None) -> None:
        self._exchange = exchange
        self._timeout = timeout
        self._sending: asyncio.Task[None] | None = None

    def send(self, request: httpx2.Request, timeout: float | None) -> None:
        """Begin to send the request's body."""
        self._sending = asyncio.create_task(self._send(request, timeout), name="body of a request to the host")

    async def head(self) -> Response:
        """The response's head, or what the body of the request failed with before."""
        receiving = asyncio.ensure_future(self._receive_head())
        try:
            assert self._sending is not None
            await asyncio.wait((receiving, self._sending), return_when=asyncio.FIRST_COMPLETED)
            if self._sending.done():
                self._sending.result()
            return await receiving
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not isinstance(part := await self._receive(), End):
            if isinstance(part, Body):
                yield part.data

    async def aclose(self) -> None:
        """Take no more of it."""
        self._exchange.reset(ResetCode.CANCELLED, "the response was taken, or is not wanted")
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _receive_head(self) -> Response:
        while isinstance(part := await self._receive(), Informational):
            pass
        if not isinstance(part, Response):
            raise httpx2.RemoteProtocolError("the host's answer has no head")
        return part

    async def _receive(self) -> object:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange.receive()
        except TimeoutError:
            raise httpx2.ReadTimeout("the host sent nothing in time") from None
        except ExchangeReset as reset:
            raise httpx2.RemoteProtocolError(f"the host broke off: {reset}") from None

    async def _send(self, request: httpx2.Request, timeout: float | None) -> None:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        try:
            async for piece in request.stream:
                if piece:
                    await self._send_piece(piece, timeout)
            await self._exchange.send(End())
        except ExchangeReset:
            pass  # who reads the response is told
        except BaseException:
            self._exchange.reset(ResetCode.CANCELLED, "the body of the request could not be sent whole")
            raise

    async def _send_piece(self, piece: bytes, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._exchange.send(Body(piece))
        except TimeoutError:
            raise httpx2.WriteTimeout("the host took nothing in time") from None
