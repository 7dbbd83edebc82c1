"""The console of a gateway whose plugins do nothing, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from mattermost_plugin.models import User
from servehttp.app import GatewayApp, create_app
from servehttp.console import Console
from servehttp.figures import HOOKS, Counts, Figures
from servehttp.front import ledger
from servehttp.front.server import CONNECTIONS, CPU, IN_FLIGHT, MEMORY
from servehttp.plugins.states import PluginState
from servehttp.requests_seen import RequestsSeen, SeenRequest
from servehttp.workspace.embedding.host import WorkspaceHost
from servehttp.workspace.settings import Settings
from support.handles import IdlePlugin
from support.workspaces import PASSWORD

URL = "http://gateway.test"
FAST, SLOW, DOWN = "com.example.fast", "com.example.slow", "com.example.down"
REASON = "exit code 7; last lines: no luck today"


def seen(request_id: str, plugin: str = SLOW, *, waited: float = 2.5, **fields: Any) -> SeenRequest:
    """A request as a server has seen it."""
    known: dict[str, Any] = {
        "method": "GET", "path": f"/plugins/{plugin}/report", "client": "192.0.2.7", "status": 200, "began": 1.8e9,
        "seconds": waited, "first_byte": waited, "bytes_in": 0, "bytes_out": 12_000,
    }  # fmt: skip
    return SeenRequest(request_id=request_id, plugin=plugin, **{**known, **fields})


class Server:
    """What has served: a server that is told what it has counted and seen."""

    def __init__(self) -> None:
        self.counted, self.present = Figures(), Figures()
        self.seen = RequestsSeen()
        self.present.count(CONNECTIONS, (), 3)
        self.present.count(MEMORY, (), 64_000_000)
        self.counted.count(CPU, (), 1.5)

    def serve(self, plugin: str, seconds: float, times: int = 1, status: str = "2xx") -> None:
        """Requests were answered."""
        for _ in range(times):
            self.counted.observe(ledger.REQUESTS, (plugin, "GET", status), seconds)
            self.counted.observe(ledger.FIRST_BYTE, (plugin,), seconds)

    def open(self, plugin: str, count: int) -> None:
        """Requests are open."""
        self.present.count(IN_FLIGHT, (plugin,), count)

    async def counts(self) -> Counts:
        return Counts(self.counted, self.present)

    async def requests(self, most: int) -> RequestsSeen:
        return RequestsSeen(self.seen.open[:most], self.seen.slowest[:most])


class Scene:
    """A gateway, its console, and who comes.

    Attributes:
        http: a client with no cookies but those that it is given.
    """

    def __init__(self, gateway: GatewayApp, console: Console, server: Server, http: httpx2.AsyncClient) -> None:
        self.gateway = gateway
        self.console = console
        self.server = server
        self.http = http

    @property
    def host(self) -> WorkspaceHost:
        """The workspace's."""
        assert isinstance(self.gateway.host, WorkspaceHost)
        return self.gateway.host

    def plugin(self, plugin_id: str) -> IdlePlugin:
        found = self.gateway.registry.get(plugin_id)
        assert isinstance(found, IdlePlugin)
        return found

    async def sign_in(self) -> dict[str, str]:
        """Use the link; returns the headers of who has, with the token against forged requests."""
        assert self.console.tickets is not None
        answer = await self.http.post("/console/signin", data={"ticket": self.console.tickets.current})
        assert answer.status_code == 303
        secret = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
        self.http.cookies.clear()
        session = self.console.tickets.session(secret)
        assert session is not None
        return {"cookie": f"servehttp_console={secret}", "x-csrf-token": session.csrf}

    async def user(self, name: str, roles: str = "system_user") -> dict[str, str]:
        """A user of the workspace who is logged in; returns their headers."""
        workspace = self.host.workspace
        made = await workspace.users.create(User(username=name, email=f"{name}@example.com", password=PASSWORD))
        await workspace.users.set_roles(made.id, roles)
        session = await workspace.logins.login(name, PASSWORD)
        return {"cookie": f"MMAUTHTOKEN={session.token}", "x-csrf-token": session.props["csrf"]}


@asynccontextmanager
async def console(folder: Path, *, workspace: bool) -> AsyncIterator[Scene]:
    """A console with three plugins: one is fast, one is slow, one is down."""
    settings = Settings(data_dir=folder)
    gateway = create_app(settings, [], host=WorkspaceHost(settings) if workspace else None)
    gateway.registry.add(IdlePlugin(FAST, PluginState.RUNNING, started_in=0.2))
    gateway.registry.add(IdlePlugin(SLOW, PluginState.RUNNING, started_in=0.3, restarts=2))
    gateway.registry.add(IdlePlugin(DOWN, PluginState.FAILED, REASON))
    server = Server()
    made = Console(gateway, server, URL)
    # Not started: the plugins are as they are.
    async with gateway.host or _nothing(), made.serving():
        transport = httpx2.ASGITransport(app=gateway)
        async with httpx2.AsyncClient(transport=transport, base_url=URL) as http:
            yield Scene(gateway, made, server, http)


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


def hooked(figures: Figures, plugin: str, hook: str, outcome: str, seconds: float) -> None:
    """A hook was asked of a plugin."""
    figures.observe(HOOKS, (plugin, hook, outcome), seconds)
