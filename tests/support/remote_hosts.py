"""Plugins on machines of their own, as processes at addresses of the loopback network, and gateways that find them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from support.certificates import Certificates
from support.client import fetch
from support.command import run
from support.dns_server import dns_server
from support.gateway import Gateway
from support.patience import PATIENCE

EXAMPLES = Path(__file__).parents[2] / "examples"
TODO = "com.example.todo"
HOSTS = ("127.0.1.1", "127.0.1.2", "127.0.1.3")
NAME = "plugins.test"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def host(
    folder: Path, address: str, *options: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A machine that runs a plugin at an address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "servehttp", "run-plugin", str(folder), "--listen", address, *options,
        env={**os.environ, **environment}, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while b"listens at" not in (line := await process.stderr.readline()):
            assert line, "it ended"
    reader = asyncio.create_task(process.stderr.read())
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(PATIENCE):
            await process.wait()
            await reader


async def todo_on_three_hosts(stack: AsyncExitStack, folder: Path, files: Certificates) -> Path:
    """Mutual TLS both ways; who calls the API is known by a certificate at one host, by a token at the others.

    Returns:
        The settings of a gateway that finds them, and that they find the API at, whose data folder is `folder/data`.
    """
    zone = await stack.enter_async_context(dns_server())
    zone.tell(NAME, "A", *HOSTS)
    port, api_port = free_port(), free_port()
    token = run("plugin-token", TODO, "--data-dir", folder / "data").stdout.strip()
    (folder / "token").write_text(token)
    served = files.server(NAME, client_ca=files.ca)
    api = {"MATTERMOST_PLUGIN_API_TARGET": f"tls:127.0.0.1:{api_port}", "MATTERMOST_PLUGIN_API_TLS_CA": files.ca}
    named = files.server(TODO)
    by_certificate = {"MATTERMOST_PLUGIN_API_TLS_CERT": named.cert, "MATTERMOST_PLUGIN_API_TLS_KEY": named.key}
    by_token = {"MATTERMOST_PLUGIN_API_TOKEN_FILE": str(folder / "token")}
    tls = ("--tls-cert", served.cert, "--tls-key", served.key, "--tls-client-ca", served.ca)
    for place, who in zip(HOSTS, (by_certificate, by_token, by_token), strict=True):
        await stack.enter_async_context(host(EXAMPLES / "todo", f"{place}:{port}", *tls, **api, **who))
    gateway, shown = files.client(), files.server()
    config = folder / "gateway.toml"
    config.write_text(f"""
[plugins]
dns_server = "{zone.address}"
tls_ca = "{files.ca}"
tls_cert = "{gateway.cert}"
tls_key = "{gateway.key}"
[plugins.remote."{TODO}"]
target = "dns:///{NAME}:{port}"
[workspace]
api_listen = "127.0.0.1:{api_port}"
api_cert = "{shown.cert}"
api_key = "{shown.key}"
api_client_ca = "{files.ca}"
""")
    return config


class Person:
    """The administrator, who has things to do."""

    def __init__(self, gateway: Gateway, token: str) -> None:
        self._port = gateway.port
        self._bearer = ("authorization", f"Bearer {token}")

    async def rest(self, method: str, path: str, **body: object) -> Any:
        answer = await fetch(self._port, f"/api/v4{path}", method, [self._bearer], json.dumps(body).encode())
        assert answer.status < 300, answer
        return answer.json()

    async def page(self) -> str:
        answer = await fetch(self._port, f"/plugins/{TODO}/", headers=[self._bearer])
        assert answer.status == 200, answer
        return answer.body.decode()


async def plugins(gateway: Gateway) -> dict[str, Any]:
    told = (await fetch(gateway.port, "/readyz?verbose")).json()
    return {plugin["id"]: plugin for plugin in told["plugins"]}


async def until_running(gateway: Gateway, plugin_id: str, count: int) -> list[dict[str, Any]]:
    """Its endpoints or replicas, once so many run."""
    async with asyncio.timeout(PATIENCE):
        while True:
            plugin = (await plugins(gateway))[plugin_id]
            replicas: list[dict[str, Any]] = plugin.get("replicas", [plugin])
            if [replica["state"] for replica in replicas] == ["running"] * count:
                return replicas
            await asyncio.sleep(0.05)


async def use_todo(gateways: Sequence[Gateway], data: Path, count: int) -> None:
    """Have things done by the plugin, which has so many processes, at each of the gateways in turn."""
    for gateway in gateways:
        await until_running(gateway, TODO, count)
    token = await asyncio.to_thread((data / "admin-token").read_text)
    people = [Person(gateway, token.strip()) for gateway in gateways]
    team = await people[0].rest("POST", "/teams", name="lab", display_name="Lab", type="O")
    channel = await people[0].rest("GET", f"/teams/{team['id']}/channels/name/town-square")
    place = {"channel_id": channel["id"], "team_id": team["id"]}
    await asyncio.gather(*(until_offered(person, team["id"]) for person in people))
    for number in range(1, 7):
        person = people[number % len(people)]
        told = await person.rest("POST", "/commands/execute", command=f"/todo thing {number}", **place)
    assert told["text"] == "\n".join(f"{number}. thing {number}" for number in range(1, 7))
    for person in people * 2 * count:  # each endpoint has its turn
        assert "<span>6. thing 6</span>" in await person.page()


async def until_offered(person: Person, team_id: str) -> None:
    """Until the plugin's command is known, which another gateway may have to tell."""
    async with asyncio.timeout(PATIENCE):
        while not any(
            command["trigger"] == "todo"
            for command in await person.rest("GET", f"/teams/{team_id}/commands/autocomplete")
        ):
            await asyncio.sleep(0.02)
