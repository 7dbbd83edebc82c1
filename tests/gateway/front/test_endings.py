"""However an exchange ends before its time: client, plugin and access log see the same by either path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from mattermost_plugin.exchange import Reset, ResetCode
from mattermost_plugin.grpc import hooks_pb2_grpc, tunnel_pb2_grpc
from mattermost_plugin.grpc import tunnel_pb2 as pb
from servehttp.front.endings import Outcome, ending
from servehttp.plugins.link import Link
from support.client import Client, connect
from support.fronts import Handle, Hooks, front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

CODES = [int(code) for code in ResetCode]
CASES = [(code, started, body) for code in CODES for started in (False, True) for body in (False, True)]


class Resetter(tunnel_pb2_grpc.TunnelServicer):
    """Resets each exchange as its target says: /plugins/p/CODE/STARTED/BODY; keeps what reached it."""

    def __init__(self) -> None:
        self.requests = 0
        self.body = b""

    async def Connect(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # read/write style
        await context.write(pb.Message(hello=pb.Hello(min_version=1, max_version=1, window=65536, max_exchanges=99)))
        waiting: dict[int, str] = {}
        while isinstance(message := await context.read(), pb.Message):
            for frame in message.frames:
                kind = frame.WhichOneof("kind")
                body = len(frame.body)
                self.requests += kind == "request"
                self.body += frame.body
                if kind == "request":
                    waiting[frame.exchange] = frame.request.target.decode()
                target = waiting.get(frame.exchange)
                if target is not None and (body or target.endswith("/False")):
                    del waiting[frame.exchange]
                    await self._reset(context, frame.exchange, target)

    async def _reset(self, context: Any, exchange: int, target: str) -> None:
        code, started, _ = target.removeprefix("/plugins/p/").split("/")
        reset = pb.Reset(code=pb.ResetCode.ValueType(int(code)), reason="as it was told")
        frames = [pb.Frame(exchange=exchange, reset=reset)]
        if started == "True":
            frames.insert(0, pb.Frame(exchange=exchange, response=pb.Response(status=200), body=b"begun"))
        await context.write(pb.Message(frames=frames))


async def never(*arguments: object) -> None:
    raise AssertionError("nothing is served")


async def seen_by_client(client: Client, case: tuple[int, bool, bool]) -> tuple[bytes, bool]:
    """All bytes but those that differ from request to request, and whether the connection was broken."""
    method, length = (b"POST", b"Content-Length: 10\r\n") if case[2] else (b"GET", b"")
    head = b"%b /plugins/p/%d/%s/%s HTTP/1.1\r\nHost: a\r\n%b\r\n" % (
        method,
        case[0],
        str(case[1]).encode(),
        str(case[2]).encode(),
        length,
    )
    await client.write(head + (b"half" if case[2] else b""))
    received = b""
    async with asyncio.timeout(PATIENCE):
        while not re.search(rb"\r\n\r\n.*\}\}$", received, re.DOTALL):
            data = await client.reader.read(65536)
            if not data:
                break
            received += data
    body = received.partition(b"\r\n\r\n")[2]
    status = received[:12]
    return status + re.sub(rb'"request_id": "\w+"', b"", body), b"}}" not in body


@asynccontextmanager
async def served_by(servicer: tunnel_pb2_grpc.TunnelServicer, folder: Path, direct: bool) -> AsyncIterator[int]:
    """The port of a front whose plugin `p` is this servicer."""
    server = grpc.aio.server()
    tunnel_pb2_grpc.add_TunnelServicer_to_server(servicer, server)
    hooks_pb2_grpc.add_PluginHooksServicer_to_server(Hooks(), server)
    server.add_insecure_port(f"unix:{folder / 'other.sock'}")
    await server.start()
    link = await Link.connect(f"unix:{folder / 'other.sock'}", transport="tunnel", timeout=PATIENCE)
    try:
        async with front(never, folder, direct=direct, parser="httptools") as stage:
            stage.plugins.handles["p"] = Handle(link)
            yield stage.port
    finally:
        await link.close()
        await server.stop(None)


async def record(folder: Path, direct: bool) -> dict[tuple[int, bool, bool], Any]:
    resetter = Resetter()
    found = {}
    async with served_by(resetter, folder, direct) as port:
        for case in CASES:
            resetter.requests, resetter.body = 0, b""
            with capture_logs() as logs:
                async with connect(port) as client:
                    client_saw = await seen_by_client(client, case)
                    async with asyncio.timeout(PATIENCE):
                        while not (lines := [log for log in logs if "bytes_in" in log]):
                            await asyncio.sleep(0.005)
            fields = {key: lines[0].get(key) for key in ("status", "problem", "bytes_in", "bytes_out", "plugin")}
            found[case] = client_saw, fields, (resetter.requests, resetter.body)
    return found


async def test_both_paths_end_alike(tmp_path: Path) -> None:
    paths = []
    for direct in (True, False):
        folder = tmp_path / str(direct)
        folder.mkdir()
        paths.append(await record(folder, direct))
    fast, asgi = paths
    assert {case: fast[case] for case in CASES if fast[case] != asgi[case]} == {
        case: asgi[case] for case in CASES if fast[case] != asgi[case]
    }
    for case in CASES:
        (answer, broken), fields, (requests, body) = fast[case]
        offered_again = case == (ResetCode.REFUSED, False, False)
        assert (requests, body) == (1 + offered_again, b"half" if case[2] else b"")
        assert broken == case[1]
        assert fields["problem"] == "as it was told"
        assert answer.startswith(b"HTTP/1.1 %d" % fields["status"])


class SecondTaker(tunnel_pb2_grpc.TunnelServicer):
    """Refuses the first exchange and answers the second, each once its request is complete."""

    async def Connect(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # read/write style
        await context.write(pb.Message(hello=pb.Hello(min_version=1, max_version=1, window=65536, max_exchanges=99)))
        complete = 0
        while isinstance(message := await context.read(), pb.Message):
            for frame in message.frames:
                if not frame.end:
                    continue
                complete += 1
                refusal = pb.Frame(exchange=frame.exchange, reset=pb.Reset(code=pb.RESET_CODE_REFUSED, reason="full"))
                answer = pb.Frame(exchange=frame.exchange, response=pb.Response(status=204), end=True)
                await context.write(pb.Message(frames=[refusal if complete == 1 else answer]))


@pytest.mark.parametrize("direct", [True, False])
async def test_a_request_whose_empty_body_had_ended_is_offered_again_with_its_end(tmp_path: Path, direct: bool) -> None:
    async with served_by(SecondTaker(), tmp_path, direct) as port, connect(port) as client:
        await client.write(b"POST /plugins/p/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            assert (await client.reader.readline()).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("code", list(ResetCode))
@pytest.mark.parametrize("body_begun", [False, True])
def test_the_table_breaks_off_what_has_begun_and_offers_only_what_is_untouched(
    code: ResetCode, body_begun: bool
) -> None:
    def end(started: bool, **more: Any) -> Any:
        return ending(Reset(code, "why"), "p", started=started, body_begun=body_begun, **more)

    assert end(True).outcome is Outcome.BREAK_OFF
    assert end(True, client_gone=True).outcome is end(False, client_gone=True).outcome is Outcome.NOTHING
    assert end(False, exceeded=5).refusal.status == 413
    again = code is ResetCode.REFUSED and not body_begun
    assert (end(False).outcome is Outcome.OFFER_AGAIN) == again
    if not again:
        expected = 504 if code is ResetCode.TIMEOUT else 502
        assert (end(False).refusal.status, end(False).problem) == (expected, "why")
