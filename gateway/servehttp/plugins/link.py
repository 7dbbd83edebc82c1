"""The connection to one running plugin: its hooks, its health, and a transport for its HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import structlog
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2

from mattermost_plugin.calls.client import CONNECT, CallClient
from mattermost_plugin.calls.errors import CallRefused
from mattermost_plugin.exchange import Exchange, Request
from mattermost_plugin.grpc import attach_pb2, common_pb2, hooks_lifecycle_pb2, hooks_pb2, operation_pb2
from mattermost_plugin.handshake import HEALTH_SERVICE
from mattermost_plugin.http2.connecting import CannotConnect
from mattermost_plugin.statuses import CallFailed, Status
from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.errors import ActivationError, LinkError, NotServing, NoTunnelError
from servehttp.plugins.call_transport import CallTransport
from servehttp.plugins.dialing import Dialing, GatewayTLS
from servehttp.plugins.hook_calls import HookCalls, parse
from servehttp.plugins.probe import look_at
from servehttp.plugins.transports import Transport, TunnelTransport

logger = structlog.get_logger("servehttp.link")

TransportName: TypeAlias = Literal["auto", "tunnel", "servehttp"]

PROBE_TIMEOUT = 1.0
"""Seconds to find out what is there instead of a plugin, for each of two steps."""

SERVICE = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"]
CHECK = f"/{health_pb2.DESCRIPTOR.services_by_name['Health'].full_name}/Check"
OFFER_API = f"/{attach_pb2.DESCRIPTOR.services_by_name['Attachment'].full_name}/OfferApi"
_OPERATION = operation_pb2.DESCRIPTOR.services_by_name["Operation"].full_name
GATHER = f"/{_OPERATION}/Gather"
SET_LOG_LEVEL = f"/{_OPERATION}/SetLogLevel"
ACTIVATE = f"/{_OPERATION}/Activate"
ANY_SIZE = -1
ENVELOPE = 64
"""Bytes that a message may have beside its one large field."""


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
        hooks: HookCalls,
        transport: Transport,
        implemented: frozenset[str],
        calls: CallClient | None = None,
    ) -> None:
        self.implemented = implemented
        self.serves_http = "ServeHTTP" in implemented
        self.begin = transport.begin
        self.carrier = transport.carrier
        self._hooks = hooks
        self._transport = transport
        self._calls = calls

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
        keepalive: float | None = None,
    ) -> Link:
        """Dial a plugin, ask what it implements, and open the way for its HTTP.

        Args:
            target: where it listens: `unix:PATH`, `HOST:PORT`, `tls:HOST:PORT` or `plaintext:HOST:PORT`.
            transport: which way across; "auto" is the tunnel, or ServeHTTP where the plugin knows no tunnel.
            timeout: seconds for each of the steps.
            tunnel: limits of the tunnel.
            session: the number of the session whose processes alone may listen there; None for any.
            tls: what TLS is spoken by, where it is.
            keepalive: seconds without a sign of life of another machine after which it is lost; None for long.

        Raises:
            LinkError: nobody answered, not as a plugin does, or somebody else listens there.
        """
        dialing = Dialing(target, tls, session, keepalive)
        await dialing.check(timeout)
        hooks = await _open_hooks(dialing, timeout)
        try:
            implemented = await _ask_implemented(hooks, timeout)
            way = await _open_transport(dialing, transport, tunnel or TunnelSettings(), timeout)
        except BaseException:
            await hooks.close()
            raise
        try:
            calls = CallClient(await dialing.call(CONNECT, timeout), ANY_SIZE)
        except BaseException:
            await way.close()
            await hooks.close()
            raise
        return cls(hooks, way, implemented, calls)

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

    async def offer_api(self, plugin_id: str, target: str, timeout: float) -> None:
        """Tell a plugin that was started by hand where the host's API is.

        Args:
            plugin_id: the id under which it is served.
            target: where its API is, a unix socket as gRPC names it.
            timeout: seconds for its answer.

        Raises:
            LinkError: it takes none, or not this one.
        """
        request = attach_pb2.OfferApiRequest(plugin_id=plugin_id, target=target)
        with _told("OfferApi"):
            await self._hooks.call(OFFER_API, request, attach_pb2.OfferApiResponse, timeout)

    async def activate(self, timeout: float) -> None:
        """OnConfigurationChange, whose failure is only logged, then OnActivate; each if the plugin has it.

        Raises:
            ActivationError: OnActivate failed; the text is the plugin's.
            LinkError: no answer.
        """
        await self._configure(timeout)
        if "OnActivate" in self.implemented:
            await self._run_hook("OnActivate", timeout)

    async def activate_once(self, gateway: str, timeout: float) -> None:
        """The same of a plugin that other gateways may use as well: OnActivate unless this one has called it before.

        Args:
            gateway: names this run of the gateway.
            timeout: seconds for each answer.

        Raises:
            ActivationError: OnActivate failed; the text is the plugin's.
            LinkError: no answer.
        """
        await self._configure(timeout)
        if "OnActivate" not in self.implemented:
            return
        try:
            body = operation_pb2.ActivateRequest(gateway=gateway).SerializeToString()
            answer = await self._operate(ACTIVATE, body, timeout)
        except Unimplemented:  # of another SDK
            await self._run_hook("OnActivate", timeout)
            return
        with _told("Activate"):
            problem = parse(operation_pb2.ActivateResponse, answer).error
        if problem:
            raise ActivationError(problem)

    async def _configure(self, timeout: float) -> None:
        if "OnConfigurationChange" in self.implemented:
            try:
                await self._run_hook("OnConfigurationChange", timeout)
            except ActivationError as error:
                logger.warning("OnConfigurationChange failed", error=str(error))

    async def deactivate(self, timeout: float) -> None:
        """OnDeactivate, if the plugin has it.

        Raises:
            ActivationError: it failed; the text is the plugin's.
            LinkError: no answer.
        """
        if "OnDeactivate" in self.implemented:
            await self._run_hook("OnDeactivate", timeout)

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
        return await _ask(self._hooks, name, request, timeout)

    async def check_health(self, timeout: float) -> None:
        """Ask the plugin whether it is well.

        Raises:
            NotServing: it is not.
            LinkError: it did not answer.
        """
        request = health_pb2.HealthCheckRequest(service=HEALTH_SERVICE)
        with _told("health check"):
            answer = await self._hooks.call(CHECK, request, health_pb2.HealthCheckResponse, timeout)
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise NotServing("the plugin's health is not SERVING")

    async def gather(self, largest: int, timeout: float) -> bytes:
        """The plugin's own metrics, as Prometheus' text; empty where it has none.

        Args:
            largest: bytes that they may have.
            timeout: seconds for the answer.

        Raises:
            Unimplemented: it tells none, as plugins of other SDKs.
            LinkError: no answer, or one that is too large.
        """
        body = operation_pb2.GatherRequest(largest=largest).SerializeToString()
        answer = await self._operate(GATHER, body, timeout, largest + ENVELOPE)
        with _told("Gather"):
            return parse(operation_pb2.GatherResponse, answer).text

    async def set_log_level(self, level: str, timeout: float) -> None:
        """Have the plugin log from a level on.

        Raises:
            Unimplemented: that cannot be done, as with plugins of other SDKs.
            LinkError: no answer.
        """
        await self._operate(SET_LOG_LEVEL, operation_pb2.SetLogLevelRequest(level=level).SerializeToString(), timeout)

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

    async def drain(self, timeout: float | None) -> None:
        """Take no new exchange; returns when none is open, or after `timeout` seconds if there is a limit."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._transport.drain()

    async def close(self) -> None:
        """End what is open and hang up."""
        await self._transport.close()
        if self._calls is not None:
            await self._calls.close()
        await self._hooks.close()

    async def _call_directly(self, calls: CallClient, name: str, request: Message, timeout: float) -> Message:
        method, body = _path(name), request.SerializeToString()
        if not calls.takes(method, body):
            raise CallRefused
        with _told(name):
            return parse(_response_class(name), await calls.call(method, body, timeout))

    async def _operate(self, method: str, body: bytes, timeout: float, largest: int | None = None) -> bytes:
        """Make a call of ours, by the stream of calls: who knows none knows none of these either."""
        calls = self._calls
        if calls is None or not calls.takes(method, body):
            raise Unimplemented(f"{method}: there is no stream of calls")
        with _told(method):
            try:
                return await calls.call(method, body, timeout, largest)
            except CallRefused:
                raise Unimplemented(f"{method}: calls are not taken") from None

    async def _run_hook(self, name: str, timeout: float) -> None:
        request = getattr(hooks_lifecycle_pb2, f"{name}Request")()
        response: Any = await _ask(self._hooks, name, request, timeout)
        if response.HasField("error"):
            raise ActivationError(_error_text(response.error))


async def _open_hooks(dialing: Dialing, timeout: float) -> HookCalls:
    try:
        return HookCalls(lambda: dialing.channel(timeout), await dialing.channel(timeout))
    except CannotConnect:
        found = await look_at(dialing.address, min(timeout, PROBE_TIMEOUT))
        raise LinkError(f"no plugin answered at {dialing.target} within {timeout:g} s: {found}") from None


async def _ask_implemented(hooks: HookCalls, timeout: float) -> frozenset[str]:
    request = hooks_lifecycle_pb2.ImplementedRequest()
    try:
        response: Any = await _ask(hooks, "Implemented", request, timeout)
    except Unimplemented:
        raise LinkError("what answers is a gRPC server, but no plugin: it has no PluginHooks") from None
    if response.HasField("error"):
        raise LinkError(f"Implemented failed: {_error_text(response.error)}")
    return frozenset(response.hooks)


async def _open_transport(dialing: Dialing, name: TransportName, settings: TunnelSettings, timeout: float) -> Transport:
    if name == "servehttp":
        return await CallTransport.start(lambda: dialing.channel(timeout))
    try:
        return await TunnelTransport.start(dialing, settings, timeout)
    except NoTunnelError:
        if name == "tunnel":
            raise
    return await CallTransport.start(lambda: dialing.channel(timeout))


async def _ask(hooks: HookCalls, name: str, request: Message, timeout: float) -> Message:
    with _told(name):
        return await hooks.call(_path(name), request, _response_class(name), timeout)


def _path(hook: str) -> str:
    return f"/{SERVICE.full_name}/{hook}"


@functools.cache
def _response_class(hook: str) -> type[Message]:
    return GetMessageClass(SERVICE.methods_by_name[hook].output_type)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Tells how a call failed as a LinkError."""
    try:
        yield
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
