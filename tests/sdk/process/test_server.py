"""A plugin's server in this process: start, health, what it serves, stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty as GoogleEmpty
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from starlette.requests import Request as HTTPRequest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.responses import Response as HTTPResponse

from mattermost_plugin import HookName, Plugin, RuntimeConfig, hook, serve_plugin
from mattermost_plugin.asgi import LifespanError
from mattermost_plugin.exchange import Body, End, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.grpc import goplugin_pb2_grpc
from mattermost_plugin.grpc.goplugin_pb2 import Empty, StdioData
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import ImplementedRequest, OnActivateRequest
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.process.addresses import AddressError
from mattermost_plugin.process.stdio import PrintedLines
from mattermost_plugin.routing import get, post
from mattermost_plugin.server import DEFAULT_SERVER_OPTIONS, PluginServer, format_handshake_line
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.driver import Tunnel
from mattermost_plugin.tunnel.message_stream import CallMessageStream
from mattermost_plugin.tunnel.states import Half
from support.plugin_host import TIMEOUT, Host, eventually, serving

pytestmark = pytest.mark.anyio

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Hello(Plugin):
    @get("/hello/{name}")
    async def hello(self, request: HTTPRequest) -> HTTPResponse:
        return PlainTextResponse(f"hello {request.path_params['name']}")

    @hook(HookName.OnActivate)
    def activate(self) -> None: ...


class Held(Plugin):
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    @post("/held")
    async def held(self, request: HTTPRequest) -> HTTPResponse:
        self.entered.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return PlainTextResponse("finished")

    @get("/endless")
    async def endless(self, request: HTTPRequest) -> HTTPResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"begun"
            self.entered.set()
            await self.release.wait()

        return StreamingResponse(chunks())


@pytest.mark.parametrize("port", [1, 8080, 50051, 65535])
async def test_the_handshake_line_has_five_fields(port: int) -> None:
    assert format_handshake_line(port).split("|") == ["1", "1", "tcp", f"127.0.0.1:{port}", "grpc"]


async def test_a_server_finds_a_port_and_is_healthy_under_both_names() -> None:
    async with serving(Hello()) as (server, host):
        assert server.address.address == f"127.0.0.1:{server.port}"
        assert server.port > 0
        assert await host.health("plugin") == SERVING
        assert await host.health("") == SERVING
        assert list((await host.hooks.Implemented(ImplementedRequest())).hooks) == ["OnActivate", "ServeHTTP"]
        assert (await host.request(url="/hello/you")).body == b"hello you"


async def test_a_server_listens_on_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(Hello(), address=Handshake("unix", str(path))) as (server, host):
        assert server.port == 0
        assert await host.health("plugin") == SERVING
    assert not path.exists()


async def test_a_second_start_is_an_error() -> None:
    async with serving(Hello()) as (server, _):
        with pytest.raises(RuntimeError, match="already started"):
            await server.start()


async def test_a_stop_may_come_at_any_time_and_again() -> None:
    server = PluginServer(Hello())
    await server.stop()
    await server.start()
    await asyncio.gather(server.stop(), server.stop(), server.wait_for_termination())
    await server.stop()


async def test_options_are_added_to_the_defaults_and_replace_them() -> None:
    assert dict(DEFAULT_SERVER_OPTIONS)["grpc.max_receive_message_length"] == 101 * 1024 * 1024
    async with serving(Hello(), options=[("grpc.max_receive_message_length", 1000)]) as (_, host):
        assert (await host.request(url="/hello/you")).status == 200
        call = await host.begin(url="/" + "x" * 2000)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.answer()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_the_hooks_limit_comes_from_the_configuration() -> None:
    class Slow(Plugin):
        @hook
        async def OnActivate(self) -> None:
            await asyncio.sleep(TIMEOUT)

    async with serving(Slow(), config=RuntimeConfig(hook_timeout=0.05)) as (_, host):
        assert "timed out after 0.05" in (await host.hooks.OnActivate(OnActivateRequest())).error.message


async def test_the_application_starts_before_and_ends_after_the_server() -> None:
    events: list[str] = []

    class Ordered(Plugin):
        @asynccontextmanager
        async def lifespan(self, app: object) -> AsyncIterator[dict[str, str]]:
            events.append("up")
            yield {"greeting": "hi"}
            events.append("down")

        @get("/")
        async def index(self, request: HTTPRequest) -> HTTPResponse:
            events.append("request")
            return PlainTextResponse(request.state.greeting)

    async with serving(Ordered()) as (_, host):
        assert (await host.request()).body == b"hi"
        assert events == ["up", "request"]
    assert events == ["up", "request", "down"]


def failing_lifespan(when: str) -> type[Plugin]:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        if when == "startup":
            raise LookupError("no database")
        yield
        raise LookupError("no database")

    return type("Failing", (Plugin,), {"lifespan": staticmethod(lifespan)})


async def test_a_failing_startup_keeps_the_server_from_listening() -> None:
    server = PluginServer(failing_lifespan("startup")())
    with pytest.raises(LifespanError, match="no database"):
        await server.start()
    await server.stop()


async def test_a_failing_shutdown_is_logged_and_the_server_ends(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(failing_lifespan("shutdown")()) as (server, _):
        await server.stop()
    assert "the application's shutdown failed" in caplog.text
    assert "no database" in caplog.text


async def test_an_address_in_use_shuts_the_application_down_again() -> None:
    events: list[str] = []

    class Counted(Plugin):
        @asynccontextmanager
        async def lifespan(self, app: object) -> AsyncIterator[None]:
            events.append("up")
            yield
            events.append("down")

    async with serving(Hello()) as (server, _):
        with pytest.raises(AddressError, match="Address already in use"):
            await PluginServer(Counted(), address=server.address).start()
    assert events == ["up", "down"]


async def test_an_open_request_may_finish_while_the_server_stops() -> None:
    plugin = Held()
    async with serving(plugin) as (server, host), asyncio.timeout(TIMEOUT):
        request = asyncio.create_task(host.request("POST", "/held"))
        await plugin.entered.wait()
        changes = host.health_changes("plugin")
        assert await anext(changes) == SERVING
        server.request_stop(TIMEOUT)
        assert await anext(changes) == NOT_SERVING
        plugin.release.set()
        assert (await request).body == b"finished"
        await changes.aclose()
        await server.wait_for_termination()


async def test_after_its_grace_an_open_request_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    plugin = Held()
    async with serving(plugin) as (server, host), asyncio.timeout(TIMEOUT):
        call = await host.begin(url="/endless", complete=True)
        assert await call.next_chunk() == b"begun"
        await plugin.entered.wait()
        await server.stop(0.1)
        with pytest.raises(grpc.aio.AioRpcError):
            await call.next_message()
    assert "stopping with 1 requests unfinished" in caplog.text


@asynccontextmanager
async def tunnel(channel: grpc.aio.Channel) -> AsyncIterator[Tunnel]:
    call: Any = channel.stream_stream(rpc.CONNECT)()
    tunnel = Tunnel(Half.GATEWAY, CallMessageStream(call))
    running = asyncio.create_task(tunnel.run())
    try:
        await tunnel.greeted()
        yield tunnel
    finally:
        call.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_requests_come_through_a_tunnel_too() -> None:
    async with serving(Hello()) as (_, host), tunnel(host.channel) as gateway, asyncio.timeout(TIMEOUT):
        exchange = gateway.open(Request("GET", b"/plugins/p/hello/you", root_length=10))
        await exchange.send(End())
        assert isinstance(await exchange.receive(), Response)
        assert await exchange.receive() == Body(b"hello you")
        assert await exchange.receive() == End()


async def test_a_stop_drains_the_tunnel_and_then_cuts_what_is_left() -> None:
    plugin = Held()
    async with serving(plugin) as (server, host), tunnel(host.channel) as gateway, asyncio.timeout(TIMEOUT):
        exchange = gateway.open(Request("POST", b"/held"))
        await exchange.send(End())
        await plugin.entered.wait()
        server.request_stop(0.3)
        await eventually(lambda: not gateway.accepting)
        with pytest.raises(ExchangeReset) as caught:
            await exchange.receive()
        assert plugin.cancelled.is_set()
        await server.wait_for_termination()
    assert caught.value.code is ResetCode.CANCELLED


async def test_shutdown_is_answered_and_stops_the_server() -> None:
    async with serving(Hello()) as (server, host), asyncio.timeout(TIMEOUT):
        assert await goplugin_pb2_grpc.GRPCControllerStub(host.channel).Shutdown(Empty()) == Empty()
        await server.wait_for_termination()


async def test_printed_lines_reach_a_host_that_asks_for_them() -> None:
    printed = PrintedLines()
    async with serving(Hello(), printed=printed) as (server, host), asyncio.timeout(TIMEOUT):
        stream: Any = goplugin_pb2_grpc.GRPCStdioStub(host.channel).StreamStdio(GoogleEmpty())
        await eventually(lambda: printed.put(b"hello"))
        assert await stream.read() == StdioData(channel=StdioData.STDOUT, data=b"hello\n")
        printed.put(b"bye")
        stopping = asyncio.create_task(server.stop())
        assert (await stream.read()).data == b"bye\n"
        assert await stream.read() is grpc.aio.EOF
        await stopping


async def _reflected(host: Host, *requests: reflection_pb2.ServerReflectionRequest) -> Any:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast(Any, host.channel))  # it knows no asyncio channel here
    call = stub.ServerReflectionInfo()
    for request in requests:
        await call.write(request)
    answer = await call.read()
    await call.done_writing()
    return answer


async def test_reflection_is_there_for_debugging_only() -> None:
    async with serving(Hello(), config=RuntimeConfig(log_level="DEBUG")) as (_, host):
        answer = await _reflected(host, reflection_pb2.ServerReflectionRequest(list_services=""))
        names = [service.name for service in answer.list_services_response.service]
        assert "mattermost.pluginapi.v1.PluginHooks" in names
    async with serving(Hello()) as (_, host):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _reflected(host)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_plugin_is_served_inside_a_running_program(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s"
    handlers = logging.getLogger().handlers[:]
    caplog.set_level(logging.INFO, "mattermost_plugin.server")
    serving_task = asyncio.create_task(serve_plugin(Hello, listen=f"unix:{path}"))
    try:
        async with asyncio.timeout(TIMEOUT), grpc.aio.insecure_channel(f"unix:{path}") as channel:
            await eventually(path.exists)
            await channel.channel_ready()
            assert (await Host(channel).request(url="/hello/you")).body == b"hello you"
    finally:
        serving_task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving_task
    assert not path.exists()
    assert logging.getLogger().handlers == handlers
    assert f"serving at unix:{path}" in caplog.messages


async def test_without_a_host_a_plugin_has_to_be_told_where_to_listen() -> None:
    with pytest.raises(RuntimeError, match="listen="):
        await serve_plugin(Hello)
    with pytest.raises(AddressError, match="HOST:PORT"):
        await serve_plugin(Hello, listen="somewhere")
