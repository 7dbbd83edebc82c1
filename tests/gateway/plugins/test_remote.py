"""Plugins at endpoints that DNS tells: real plugins at ports, a real DNS server, no processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse

from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin import exchange as parts
from mattermost_plugin.exchange import Body, End, Response
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.routing import get
from mattermost_plugin.server import PluginServer
from mattermost_plugin.tls import TLSFiles
from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.remote import DnsName, RemotePlugin, read_dns
from support.certificates import Certificates, certificates  # noqa: F401  # pytest uses it
from support.dns_server import Zone, dns_server
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE
from support.supervision import until

pytestmark = pytest.mark.anyio

ID = "com.example.x"
NAME = "x.plugins.test"
HOSTS = ("127.0.1.1", "127.0.1.2", "127.0.1.3")


class Placed(Plugin):
    """Says where it is, and counts what becomes of it."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.life: list[str] = []
        self.go_on = asyncio.Event()

    @hook(HookName.OnActivate)
    async def activated(self) -> None:
        self.life.append("activated")

    @hook(HookName.OnDeactivate)
    async def deactivated(self) -> None:
        self.life.append("deactivated")

    @get("/")
    async def where(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(self.place)

    @get("/stream")
    async def stream(self, request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "first"
            await self.go_on.wait()
            yield "last"

        return StreamingResponse(pieces())


class Machines:
    """Plugins at one port of several addresses."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.port = 0
        self.plugins: dict[str, Placed] = {}
        self.servers: dict[str, PluginServer] = {}
        self._stack = stack

    async def start(self, host: str, tls: TLSFiles | None = None) -> Placed:
        plugin = Placed(host)
        server = PluginServer(plugin, address=Handshake("tcp", f"{host}:{self.port}"), tls=tls)
        self.port = await server.start()
        self._stack.push_async_callback(server.stop, 0)
        self.plugins[host], self.servers[host] = plugin, server
        return plugin


@asynccontextmanager
async def gateway(where: dict[str, Any], zone: Zone, **plugins: Any) -> AsyncIterator[PluginHandle]:
    """The plugin as a gateway has it."""
    settings = GatewaySettings.model_validate(
        {"plugins": {"remote": {ID: where}, "dns_server": zone.address, "dns_least_ttl": 0.02, **plugins}}
    )
    registry = Registry.from_settings(PluginFactory(settings, TunnelSettings(), Reaper()), [])
    [plugin] = registry
    try:
        await registry.start()
        yield plugin
    finally:
        async with asyncio.timeout(PATIENCE):
            await registry.stop()
        assert plugin.state is PluginState.STOPPED


@asynccontextmanager
async def scene(*hosts: str, tls: TLSFiles | None = None) -> AsyncIterator[tuple[Machines, Zone]]:
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        zone = await stack.enter_async_context(dns_server())
        zone.ttl = 0
        machines = Machines(stack)
        for host in hosts:
            await machines.start(host, tls)
        zone.tell(NAME, "A", *hosts)
        yield machines, zone


def named(machines: Machines) -> dict[str, Any]:
    return {"target": f"dns:///{NAME}:{machines.port}", "plaintext": True}


async def running(plugin: PluginHandle, count: int) -> None:
    await until(lambda: [replica.state for replica in plugin.replicas] == [PluginState.RUNNING] * count)


async def answer(plugin: PluginHandle, path: bytes = b"/") -> str:
    assert plugin.link is not None
    exchange = await plugin.link.open(parts.Request("GET", path))
    await exchange.send(End())
    body = b""
    while not isinstance(part := await exchange.receive(), End):
        body += part.data if isinstance(part, Body) else b""
    return body.decode()


def phases(plugin: PluginHandle) -> dict[str, str]:
    described: Any = plugin.describe()["replicas"]
    return {each["endpoint"].partition(":")[0]: each["phase"] for each in described}


async def test_requests_go_to_all_endpoints_that_dns_tells() -> None:
    async with scene(*HOSTS) as (machines, zone), gateway(named(machines), zone) as plugin:
        await running(plugin, 3)
        assert {await answer(plugin) for _ in range(6)} == set(HOSTS)
        assert phases(plugin) == dict.fromkeys(HOSTS, "running")
        assert {name for name, _ in zone.asked} == {NAME}


async def test_services_tell_ports_of_their_own() -> None:
    async with scene(HOSTS[0]) as (machines, zone):
        service = f"_grpc._tcp.{NAME}"
        zone.tell(service, "SRV", f"0 0 {machines.port} {NAME}.")
        async with gateway({"target": f"dns:///{service}", "plaintext": True}, zone) as plugin:
            await running(plugin, 1)
            assert await answer(plugin) == HOSTS[0]


async def test_an_endpoint_that_is_added_serves_and_one_that_leaves_keeps_what_is_open_there() -> None:
    async with scene(HOSTS[0]) as (machines, zone), gateway(named(machines), zone) as plugin:
        await running(plugin, 1)
        assert plugin.link is not None
        stream = await plugin.link.open(parts.Request("GET", b"/stream"))
        await stream.send(End())
        assert isinstance(await stream.receive(), Response)
        first = await stream.receive()
        await machines.start(HOSTS[1])
        zone.tell(NAME, "A", HOSTS[1])
        await until(lambda: phases(plugin) == {HOSTS[0]: "draining", HOSTS[1]: "running"})
        assert {await answer(plugin) for _ in range(4)} == {HOSTS[1]}
        machines.plugins[HOSTS[0]].go_on.set()
        assert [first, await stream.receive(), await stream.receive()] == [Body(b"first"), Body(b"last"), End()]
        await until(lambda: set(phases(plugin)) == {HOSTS[1]})


async def test_an_endpoint_that_drains_gets_nothing_new_and_is_found_again() -> None:
    async with scene(*HOSTS[:2]) as (machines, zone), gateway(named(machines), zone) as plugin:
        await running(plugin, 2)
        stopping = machines.servers[HOSTS[0]]
        stopping.request_stop()
        await stopping.wait_for_termination()
        assert {await answer(plugin) for _ in range(4)} == {HOSTS[1]}
        await until(lambda: phases(plugin)[HOSTS[0]] != "running")
        await machines.start(HOSTS[0])
        await running(plugin, 2)
        assert {await answer(plugin) for _ in range(4)} == set(HOSTS[:2])


async def test_an_endpoint_that_said_it_is_not_serving_takes_requests_as_soon_as_a_successor_is_there() -> None:
    quick = {"health_interval": 0.05}
    async with scene(*HOSTS[:2]) as (machines, zone), gateway(named(machines), zone, **quick) as plugin:
        await running(plugin, 2)
        machines.servers[HOSTS[0]]._services._health.stop_serving()
        await until(lambda: phases(plugin)[HOSTS[0]] == "draining")
        assert {await answer(plugin) for _ in range(4)} == {HOSTS[1]}
        await machines.servers[HOSTS[0]].stop(0)
        await machines.start(HOSTS[0])
        await until(lambda: phases(plugin) == dict.fromkeys(HOSTS[:2], "running"))
        assert {await answer(plugin) for _ in range(4)} == set(HOSTS[:2])


async def test_what_dns_does_not_say_changes_nothing() -> None:
    async with scene(*HOSTS[:2]) as (machines, zone), gateway(named(machines), zone, dns_timeout=0.1) as plugin:
        await running(plugin, 2)
        zone.silent = True
        asked = len(zone.asked)
        await until(lambda: len(zone.asked) > asked + 3)
        zone.silent = False
        zone.tell(NAME, "A")
        asked = len(zone.asked)
        await until(lambda: len(zone.asked) > asked + 3)
        assert plugin.state is PluginState.RUNNING
        assert set(phases(plugin)) == set(HOSTS[:2])


async def test_a_name_that_is_not_there_is_the_plugins_reason_until_it_is() -> None:
    async with scene(HOSTS[0]) as (machines, zone):
        zone.tell(NAME, "A")
        async with gateway(named(machines), zone) as plugin:
            await until(lambda: plugin.state is PluginState.RESTARTING)
            assert plugin.reason == f"DNS did not tell of {NAME} (A): there is no such name"
            zone.tell(NAME, "A", HOSTS[0])
            await running(plugin, 1)
            assert plugin.reason is None


async def test_a_plugin_is_activated_for_each_gateway_once_and_deactivates_itself_at_its_end() -> None:
    async with scene(HOSTS[0]) as (machines, zone):
        life = machines.plugins[HOSTS[0]].life
        async with gateway(named(machines), zone) as one:
            await running(one, 1)
            assert life == ["activated"]
            async with gateway(named(machines), zone) as other:
                await running(other, 1)
                zone.tell(NAME, "A", HOSTS[1])
                await until(lambda: HOSTS[0] not in phases(one))
                zone.tell(NAME, "A", HOSTS[0])
                await until(lambda: phases(one).get(HOSTS[0]) == "running")
            assert await answer(one) == HOSTS[0]
            assert life == ["activated"] * 2
        await machines.servers[HOSTS[0]].stop()
        assert life == ["activated"] * 2 + ["deactivated"]


async def test_it_is_connected_to_by_tls_unless_the_settings_say_otherwise(
    certificates: Certificates,  # noqa: F811  # it is the fixture
) -> None:
    host, files = "127.0.0.1", certificates.server()
    async with scene(host, tls=TLSFiles(files.cert, files.key, certificates.ca)) as (machines, zone):
        where = {"target": f"dns:///{NAME}:{machines.port}", "name": "127.0.0.1"}
        own = certificates.client()
        tls = {"tls_ca": certificates.ca, "tls_cert": own.cert, "tls_key": own.key}
        async with gateway(where, zone, **tls) as plugin:
            await running(plugin, 1)
            assert await answer(plugin) == host
        async with gateway(where | {"name": ""}, zone, **tls) as plugin:
            await until(lambda: "certificate is for another name" in str(plugin.reason))
        async with gateway(named(machines), zone) as plugin:
            await until(lambda: plugin.replicas != () and plugin.state is PluginState.RESTARTING)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dns:///x.plugins:7000", DnsName("x.plugins", 7000)),
        ("dns:///x.plugins.:7000", DnsName("x.plugins", 7000)),
        ("dns:///_grpc._tcp.x.plugins", DnsName("_grpc._tcp.x.plugins", None)),
        ("dns:///", "names no host"),
        ("dns:///x", "has no port"),
        ("dns:///x:0", "has no port from 1"),
        ("dns:///x:65536", "has no port from 1"),
        ("dns:///x y:1", "names no host"),
        ("dns:///" + "a." * 200 + "b:1", "names no host"),
    ],
)
def test_what_names_can_be_asked_for(text: str, found: DnsName | str) -> None:
    if isinstance(found, DnsName):
        assert read_dns(text) == found
    else:
        with pytest.raises(ValueError, match=found):
            read_dns(text)


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ({"target": ["dns:///x:1", "10.0.0.1:1"]}, "is the only target"),
        ({"target": ["nowhere"]}, "neither unix:PATH nor HOST:PORT"),
        ({"target": []}, "at least 1"),
        ({"target": [f"10.0.0.1:{port}" for port in range(1, 300)]}, "at most 256"),
    ],
)
def test_targets_that_cannot_be_are_named(where: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        RemotePlugin.model_validate(where)


def test_they_may_be_pairs_as_the_environment_has_them() -> None:
    text = "com.Example.a=dns:///a:1,b=10.0.0.1:2,b=10.0.0.2:2,c=plaintext:dns:///c:3"
    read = GatewaySettings.model_validate({"plugins": {"remote": text}}).plugins.remote
    assert {plugin_id: (place.target, place.plaintext) for plugin_id, place in read.items()} == {
        "com.example.a": (("dns:///a:1",), False),
        "b": (("10.0.0.1:2", "10.0.0.2:2"), False),
        "c": (("dns:///c:3",), True),
    }


async def test_endpoints_may_be_listed_as_well() -> None:
    async with scene(*HOSTS[:2]) as (machines, zone):
        where = {"target": [f"{host}:{machines.port}" for host in HOSTS[:2]], "plaintext": True}
        async with gateway(where, zone) as plugin:
            await running(plugin, 2)
            assert json.loads(json.dumps(plugin.describe()))["state"] == "running"
            assert zone.asked == []
