"""The connection to one running plugin: its hooks, its health, and a transport for its HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import grpc
import structlog
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mattermost_plugin.calls.client import CONNECT, CallClient
from mattermost_plugin.calls.errors import CallRefused
from mattermost_plugin.exchange import Exchange, Request
from mattermost_plugin.grpc import common_pb2, hooks_lifecycle_pb2, hooks_pb2, hooks_pb2_grpc
from mattermost_plugin.handshake import HEALTH_SERVICE
from mattermost_plugin.statuses import CallFailed, Status
from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.errors import ActivationError, LinkError, NoTunnelError
from servehttp.plugins.call_transport import CallTransport
from servehttp.plugins.dialing import Dialing, GatewayTLS
from servehttp.plugins.probe import look_at
from servehttp.plugins.transports import Transport, TunnelTransport

logger = structlog.get_logger("servehttp.link")

TransportName: TypeAlias = Literal["auto", "tunnel", "servehttp"]

PROBE_TIMEOUT = 1.0
"""Seconds to find out what is there instead of a plugin, for each of two steps."""
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A plugin that was restarted is dialled at once: no back-off is inherited from the connection before.
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy from the environment has no business between a gateway and its plugins.
    ("grpc.enable_http_proxy", 0),
)

SERVICE = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"]
ANY_SIZE = -1


class Unimplemented(LinkError):
    """The other end does not know a call."""


class Link:
    """One connection to one running plugin.

    Attributes:
        implemented: the hooks that the plugin announced.
        serves_http: whether it answers HTTP at all.
        begin: the transport's own `begin`, which begins an exchange without waiting.
        carrier: its exchanges, and how many they are.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        transport: Transport,
        implemented: frozenset[str],
        calls: CallClient | None = None,
    ) -> None:
        self.implemented = implemented
        self.serves_http = "ServeHTTP" in implemented
        self.begin = transport.begin
        self.carrier = transport.carrier
        self._channel = channel
        self._transport = transport
        self._calls = calls
        self._hooks = hooks_pb2_grpc.PluginHooksStub(channel)
        self._health: Any = health_pb2_grpc.HealthStub(channel)  # its published stubs lack the calls

    @classmethod
    async def connect(
        cls,
        target: str,
        *,
        transport: TransportName = "auto",
        timeout: float,
        tunnel: TunnelSettings | None = None,
        session: int | None = None,
        tls: GatewayTLS | None = None,
    ) -> Link:
        """Dial a plugin, ask what it implements, and open the way for its HTTP.

        Args:
            target: where it listens: `unix:PATH`, `HOST:PORT`, `tls:HOST:PORT` or `plaintext:HOST:PORT`.
            transport: which way across; "auto" is the tunnel, or ServeHTTP where the plugin knows no tunnel.
            timeout: seconds for each of the steps.
            tunnel: limits of the tunnel.
            session: the number of the session whose processes alone may listen there; None for any.
            tls: what TLS is spoken by, where it is.

        Raises:
            LinkError: nobody answered, not as a plugin does, or somebody else listens there.
        """
        dialing = Dialing(target, tls, session)
        await dialing.check(timeout)
        channel = _channel(dialing)
        try:
            await _ready(channel, dialing, timeout)
            implemented = await _ask_implemented(channel, timeout)
            way = await _open_transport(channel, dialing, transport, tunnel or TunnelSettings(), timeout)
        except BaseException:
            await channel.close()
            raise
        try:
            calls = CallClient(await dialing.call(CONNECT, timeout), ANY_SIZE)
        except BaseException:
            await way.close()
            await channel.close()
            raise
        return cls(channel, way, implemented, calls)

    @property
    def transport(self) -> str:
        """Which way across is used: "tunnel" or "servehttp"."""
        return self._transport.name

    @property
    def carries_websockets(self) -> bool:
        """Whether an exchange may be a WebSocket."""
        return self._transport.carries_websockets

    @property
    def in_flight(self) -> int:
        """How many exchanges are open."""
        return self.carrier.in_flight

    async def activate(self, timeout: float) -> None:
        """OnConfigurationChange, whose failure is only logged, then OnActivate; each if the plugin has it.

        Raises:
            ActivationError: OnActivate failed; the text is the plugin's.
            LinkError: no answer.
        """
        if "OnConfigurationChange" in self.implemented:
            try:
                request = hooks_lifecycle_pb2.OnConfigurationChangeRequest()
                await self._call_hook(self._hooks.OnConfigurationChange, request, timeout)
            except ActivationError as error:
                logger.warning("OnConfigurationChange failed", error=str(error))
        if "OnActivate" in self.implemented:
            await self._call_hook(self._hooks.OnActivate, hooks_lifecycle_pb2.OnActivateRequest(), timeout)

    async def deactivate(self, timeout: float) -> None:
        """OnDeactivate, if the plugin has it.

        Raises:
            ActivationError: it failed; the text is the plugin's.
            LinkError: no answer.
        """
        if "OnDeactivate" in self.implemented:
            await self._call_hook(self._hooks.OnDeactivate, hooks_lifecycle_pb2.OnDeactivateRequest(), timeout)

    async def call(self, name: str, request: Message, timeout: float) -> Message:
        """Call a hook by its name, whether or not the plugin has it; returns its response.

        Args:
            name: as the contract has it; every hook except ServeHTTP.
            request: the message for it.
            timeout: seconds for the answer.

        Raises:
            LinkError: no answer.
        """
        if self._calls is not None:
            with contextlib.suppress(CallRefused):
                return await self._call_directly(self._calls, name, request, timeout)
        response: Message = await _unary(getattr(self._hooks, name)(request, timeout=timeout), name)
        return response

    async def check_health(self, timeout: float) -> None:
        """Ask the plugin whether it is well.

        Raises:
            LinkError: it is not, or did not answer.
        """
        request = health_pb2.HealthCheckRequest(service=HEALTH_SERVICE)
        answer = await _unary(self._health.Check(request, timeout=timeout), "health check")
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise LinkError("the plugin's health is not SERVING")

    async def open(self, request: Request) -> Exchange:
        """Begin an exchange.

        Raises:
            LinkError: it cannot be begun here, and nothing of it was sent.
        """
        return await self._transport.open(request)

    async def wait_lost(self) -> str:
        """Returns why, once the connection is gone."""
        return await self._transport.wait_lost()

    def announce_drain(self) -> None:
        """Tell the plugin that this end is about to stop; exchanges begin and go on as before."""
        self._transport.announce_drain()

    async def drain(self, timeout: float) -> None:
        """Take no new exchange; returns when none is open, or after `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._transport.drain()

    async def close(self) -> None:
        """End what is open and hang up."""
        await self._transport.close()
        if self._calls is not None:
            await self._calls.close()
        await self._channel.close()

    async def _call_directly(self, calls: CallClient, name: str, request: Message, timeout: float) -> Message:
        method, body = f"/{SERVICE.full_name}/{name}", request.SerializeToString()
        if not calls.takes(method, body):
            raise CallRefused
        with _told(name):
            return _response_class(name).FromString(await calls.call(method, body, timeout))

    async def _call_hook(self, method: Any, request: Any, timeout: float) -> None:
        name = type(request).__name__.removesuffix("Request")
        response = await _unary(method(request, timeout=timeout), name)
        if response.HasField("error"):
            raise ActivationError(_error_text(response.error))


def _channel(dialing: Dialing) -> grpc.aio.Channel:
    if dialing.tls is None:
        return grpc.aio.insecure_channel(dialing.address, options=CHANNEL_OPTIONS)
    files = dialing.files
    known = files.ca or ssl.get_default_verify_paths().cafile
    pem = [Path(path).read_bytes() if path else None for path in (known, files.key, files.cert)]
    options = (*CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", dialing.name))
    return grpc.aio.secure_channel(dialing.address, grpc.ssl_channel_credentials(*pem), options=options)


async def _ready(channel: grpc.aio.Channel, dialing: Dialing, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            await channel.channel_ready()
    except TimeoutError:
        found = await look_at(dialing.address, min(timeout, PROBE_TIMEOUT))
        raise LinkError(f"no plugin answered at {dialing.target} within {timeout:g} s: {found}") from None


async def _ask_implemented(channel: grpc.aio.Channel, timeout: float) -> frozenset[str]:
    hooks = hooks_pb2_grpc.PluginHooksStub(channel)
    request = hooks_lifecycle_pb2.ImplementedRequest()
    try:
        response = await _unary(hooks.Implemented(request, timeout=timeout), "Implemented")
    except Unimplemented:
        raise LinkError("what answers is a gRPC server, but no plugin: it has no PluginHooks") from None
    if response.HasField("error"):
        raise LinkError(f"Implemented failed: {_error_text(response.error)}")
    return frozenset(response.hooks)


async def _open_transport(
    channel: grpc.aio.Channel, dialing: Dialing, name: TransportName, settings: TunnelSettings, timeout: float
) -> Transport:
    if name == "servehttp":
        return await CallTransport.start(lambda: dialing.channel(timeout))
    try:
        return await TunnelTransport.start(dialing, settings, timeout)
    except NoTunnelError:
        if name == "tunnel":
            raise
    return await CallTransport.start(lambda: dialing.channel(timeout))


@functools.cache
def _response_class(hook: str) -> type[Message]:
    return GetMessageClass(SERVICE.methods_by_name[hook].output_type)


async def _unary(call: Any, what: str) -> Any:
    """The answer of a unary call, which is cancelled if nobody waits for it any more."""
    try:
        with _told(what):
            return await call
    finally:
        call.cancel()


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Tells how a call failed as a LinkError."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _failure(what, Status[error.code().name], error.details()) from None
    except CallFailed as error:
        raise _failure(what, error.status, error.details) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody cancelled the caller: it is what every call gets that is open when its connection is closed.
        raise LinkError(f"{what}: the connection was closed") from None


def _failure(what: str, status: Status, details: str | None) -> LinkError:
    kind = Unimplemented if status == Status.UNIMPLEMENTED else LinkError
    return kind(f"{what}: {status.name}: {details}")


def _error_text(error: common_pb2.AppError) -> str:
    return error.message or error.detailed_error or error.id or "no reason given"
