"""A plugin at a port with TLS: all that a link does over it, and what is told when there is no link."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.requests import Request as HTTPRequest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.responses import Response as HTTPResponse

import mattermost_plugin
from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.exchange import Body, End, Request, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.grpc.hooks_message_pb2 import MessageWillBePostedRequest
from mattermost_plugin.models import Post
from mattermost_plugin.routing import get, post
from mattermost_plugin.server import PluginServer
from mattermost_plugin.tls import TLSFiles
from servehttp.errors import LinkError
from servehttp.plugins.attached import attach
from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.dialing import GatewayTLS
from servehttp.plugins.link import Link, TransportName
from servehttp.plugins.states import PluginState
from support.certificates import HOST, Certificates, certificates
from support.loops import one_module_loop
from support.patience import PATIENCE
from support.supervision import POLICY

__all__ = ["certificates", "one_module_loop"]

pytestmark = pytest.mark.anyio

TIMEOUT = PATIENCE
ENDLESS = replace(POLICY, restart=RestartPolicy(0.01, 2, 0.02, limit=None, window=60), connect_timeout=5)
MIB = 1024 * 1024


class Example(Plugin):
    @get("/hello")
    async def hello(self, request: HTTPRequest) -> HTTPResponse:
        return PlainTextResponse("hello")

    @post("/echo")
    async def echo(self, request: HTTPRequest) -> HTTPResponse:
        return StreamingResponse(request.stream())

    @hook(HookName.MessageWillBePosted)
    async def look(self, context: object, post: Post) -> tuple[None, str]:
        return None, post.message


@asynccontextmanager
async def served(tls: TLSFiles | None) -> AsyncIterator[str]:
    """The plugin at a free port; where."""
    server = PluginServer(Example(), tls=tls)
    await server.start()
    try:
        yield f"{HOST}:{server.port}"
    finally:
        await server.stop(0)


@asynccontextmanager
async def linked(address: str, files: TLSFiles, transport: TransportName = "auto") -> AsyncIterator[Link]:
    link = await Link.connect(f"tls:{address}", transport=transport, timeout=TIMEOUT, tls=GatewayTLS(files))
    try:
        yield link
    finally:
        await link.close()


async def ask(link: Link, target: bytes, body: bytes = b"") -> tuple[int, bytes]:
    exchange = await link.open(Request("POST" if body else "GET", target))

    async def send() -> None:
        with contextlib.suppress(ExchangeReset):  # the answer may come before all is sent
            for start in range(0, len(body), 64 * 1024):
                await exchange.send(Body(body[start : start + 64 * 1024]))
            await exchange.send(End())

    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as group:
        group.create_task(send())
        head = await exchange.receive()
        assert isinstance(head, Response)
        answer = b""
        while isinstance(part := await exchange.receive(), Body):
            answer += part.data
    return head.status, answer


@pytest.mark.parametrize("transport", ["tunnel", "servehttp"])
async def test_requests_bodies_and_hooks_go_by_tls(transport: TransportName, certificates: Certificates) -> None:
    large = bytes(range(256)) * (4 * MIB // 256)
    async with (
        served(certificates.server()) as address,
        linked(address, TLSFiles(ca=certificates.ca), transport) as link,
    ):
        assert link.transport == transport
        await link.check_health(TIMEOUT)
        assert await ask(link, b"/hello") == (200, b"hello")
        assert await ask(link, b"/echo", large) == (200, large)
        asked = MessageWillBePostedRequest()
        for message in ("small", "x" * 200_000):  # on the stream of calls, and by gRPC
            asked.post.message = message
            answer: Any = await link.call(HookName.MessageWillBePosted, asked, TIMEOUT)
            assert answer.rejection_reason == message


async def test_both_ends_may_show_certificates(certificates: Certificates) -> None:
    plugins = certificates.server(client_ca=certificates.ca)
    async with served(plugins) as address, linked(address, certificates.client()) as link:
        assert await ask(link, b"/hello") == (200, b"hello")


async def test_a_certificate_may_be_for_another_name(certificates: Certificates) -> None:
    async with served(certificates.server("plugin.example")) as address:
        tls = GatewayTLS(TLSFiles(ca=certificates.ca), "plugin.example")
        link = await Link.connect(f"tls:{address}", timeout=TIMEOUT, tls=tls)
        assert link.transport == "tunnel"
        await link.close()


Files = Callable[[Certificates], TLSFiles | None]


def known(certificates: Certificates) -> TLSFiles:
    return TLSFiles(ca=certificates.ca)


REFUSED: dict[str, tuple[Files, Files, str]] = {
    "a plugin without TLS": (lambda its: None, known, "it does not speak TLS"),
    "a CA that is not known": (
        lambda its: its.server(),
        lambda its: TLSFiles(ca=its.other_ca),
        "its certificate is of a CA that is not known here",
    ),
    "the system's CAs": (lambda its: its.server(), lambda its: TLSFiles(), "a CA that is not known here"),
    "a certificate that has expired": (lambda its: its.expired(), known, "its certificate has expired"),
    "another name": (lambda its: its.server("plugin.example"), known, "its certificate is for another name"),
    "no certificate where one is wanted": (
        lambda its: its.server(client_ca=its.ca),
        known,
        "it hangs up when TLS is agreed on, as one does that wants another certificate",
    ),
    "a certificate of a stranger": (
        lambda its: its.server(client_ca=its.ca),
        lambda its: its.stranger(),
        "it hangs up when TLS is agreed on, as one does that wants another certificate",
    ),
    "a file that is missing": (
        lambda its: its.server(),
        lambda its: TLSFiles(ca="/nowhere/ca.pem"),
        "/nowhere/ca.pem cannot be read: No such file or directory",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_why_there_is_no_link_is_told_in_one_line(case: str, certificates: Certificates) -> None:
    its, ours, told = REFUSED[case]
    gateways = ours(certificates)
    assert gateways is not None
    async with served(its(certificates)) as address:
        with pytest.raises(LinkError) as refused:
            await Link.connect(f"tls:{address}", timeout=TIMEOUT, tls=GatewayTLS(gateways))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_gateway_without_tls_at_a_port_with_tls_is_told_what_is_there(certificates: Certificates) -> None:
    async with served(certificates.server()) as address:
        with pytest.raises(LinkError, match="it speaks TLS, which is asked for by tls:HOST:PORT"):
            await Link.connect(address, timeout=0.5)


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


async def test_something_that_speaks_tls_but_not_http2_is_no_plugin(certificates: Certificates) -> None:
    files = certificates.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)

    async with await asyncio.start_server(_listen, HOST, 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(LinkError, match="does not offer HTTP/2 by ALPN"):
            await Link.connect(f"tls:{HOST}:{port}", timeout=TIMEOUT, tls=GatewayTLS(known(certificates)))


async def test_a_plugin_that_says_nothing_is_given_up(certificates: Certificates) -> None:
    async with await asyncio.start_server(_listen, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(LinkError, match=r"within 0\.2 s: TLS was not agreed on"):
            await Link.connect(f"tls:{HOST}:{port}", timeout=0.2, tls=GatewayTLS(known(certificates)))


@pytest.mark.parametrize("target", ["10.0.0.1:7000", "plugins.example:7000"])
async def test_another_machine_is_not_connected_to_without_tls_by_mistake(target: str) -> None:
    with pytest.raises(LinkError, match=f"write tls:{target}, or plaintext:{target} to have it so"):
        await Link.connect(target, timeout=TIMEOUT)


async def test_the_plugins_state_tells_what_is_wrong_and_it_runs_once_that_is_put_right(
    certificates: Certificates, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    shutil.copyfile(certificates.other_ca, ca)

    def connect(target: str, **options: Any) -> Any:
        return Link.connect(target, tls=GatewayTLS(TLSFiles(ca=str(ca))), **options)

    async with served(certificates.server()) as address:
        plugin = attach("com.example.test", f"tls:{address}", connect, ENDLESS)
        with structlog.testing.capture_logs(), pytest.raises(Exception, match="not known here"):
            await plugin.start()
        assert "its certificate is of a CA that is not known here" in str(plugin.reason)
        shutil.copyfile(certificates.ca, ca)
        async with asyncio.timeout(TIMEOUT):
            await plugin.wait_for(PluginState.RUNNING)
        await plugin.stop()


SCRIPT = """
from mattermost_plugin import Plugin, run_plugin

class Example(Plugin):
    pass

run_plugin(Example)
"""


@asynccontextmanager
async def by_hand(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    (folder / "plugin.py").write_text(SCRIPT)
    sdk = str(Path(mattermost_plugin.__file__).parents[1])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "plugin.py", *arguments, cwd=folder, env={"PYTHONPATH": sdk}, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def test_a_plugin_by_hand_speaks_tls_and_says_how_to_attach_it(
    certificates: Certificates, tmp_path: Path
) -> None:
    files = certificates.server(client_ca=certificates.ca)
    options = ("--tls-cert", files.cert, "--tls-key", files.key, "--tls-client-ca", files.ca)
    async with by_hand(tmp_path, "--listen", f"{HOST}:0", *options) as process:
        assert process.stderr is not None
        async with asyncio.timeout(TIMEOUT):
            told = (await process.stderr.readuntil(b"--attach ID=tls:")) + await process.stderr.readline()
        port = told.decode().rpartition(":")[2].strip()
        async with linked(f"{HOST}:{port}", certificates.client()) as link:
            assert link.transport == "tunnel"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--listen", "0.0.0.0:0"), "cannot listen at 0.0.0.0:0 without TLS: other machines reach it"),
        (("--listen", f"{HOST}:0", "--tls-cert", "x"), "TLS needs --listen HOST:PORT, --tls-cert and --tls-key"),
        (("--tls-cert", "x", "--tls-key", "y"), "TLS needs --listen HOST:PORT, --tls-cert and --tls-key"),
        (("--listen", "unix:s", "--tls-cert", "x", "--tls-key", "y"), "TLS is for HOST:PORT, not for a unix socket"),
        (
            ("--listen", f"{HOST}:0", "--tls-cert", "none.pem", "--tls-key", "y"),
            "did not start: none.pem cannot be read: No such file or directory",
        ),
    ],
)
async def test_a_plugin_by_hand_says_why_it_cannot_listen(
    arguments: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    async with by_hand(tmp_path, *arguments) as process:
        _, stderr = await process.communicate()
    assert told in stderr.decode()
    assert process.returncode in (1, 2)


async def test_other_machines_may_be_let_in_without_tls_in_as_many_words(tmp_path: Path) -> None:
    async with by_hand(tmp_path, "--listen", "plaintext:0.0.0.0:0") as process:
        assert process.stderr is not None
        async with asyncio.timeout(TIMEOUT):
            told = await process.stderr.readuntil(b"--attach ID=plaintext:0.0.0.0:")
    assert b"whoever reaches 0.0.0.0:0 can call this plugin in anybody's name" in told
