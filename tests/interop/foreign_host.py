"""A host written against the contract with raw grpcio: of the project it uses the generated code alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mattermost_plugin.grpc import goplugin_pb2, goplugin_pb2_grpc, hooks_pb2_grpc
from mattermost_plugin.grpc.hooks_http_pb2 import HTTPHeader, ServeHTTPRequest, ServeHTTPRequestInit, ServeHTTPResponse
from support.patience import PATIENCE

COOKIE = {"MATTERMOST_PLUGIN": "Securely message teams, anywhere."}
TIMEOUT = PATIENCE
MOUNT = "/plugins/com.example.sample"


@dataclass
class PluginProcess:
    """A plugin that printed its handshake."""

    process: subprocess.Popen[bytes]
    handshake: str
    stderr: Path

    @property
    def address(self) -> str:
        """The address in the handshake."""
        return self.handshake.split("|")[3]

    def log(self) -> str:
        """All it wrote to stderr so far."""
        return self.stderr.read_text()

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(TIMEOUT)

    def rest_of_stdout(self) -> bytes:
        """What it printed after the handshake, up to its end."""
        assert self.process.stdout is not None
        return self.process.stdout.read()


@contextmanager
def started(folder: Path, source: str) -> Iterator[PluginProcess]:
    """Start a plugin in a folder, and kill it at the end if it still runs."""
    (folder / "plugin.py").write_text(source)
    stderr = folder / "stderr.log"
    with (
        stderr.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "plugin.py"],
            cwd=folder,
            env=os.environ | COOKIE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            assert line, stderr.read_text()
            yield PluginProcess(process, line, stderr)
        finally:
            process.kill()


class Host:
    """A channel to a plugin, and its services."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.hooks: Any = hooks_pb2_grpc.PluginHooksStub(channel)
        self._health: Any = health_pb2_grpc.HealthStub(channel)
        self._controller: Any = goplugin_pb2_grpc.GRPCControllerStub(channel)

    async def health(self, service: str) -> str:
        """The status of a service by its name."""
        answer = await self._health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def shut_down(self) -> None:
        """GRPCController's Shutdown."""
        await self._controller.Shutdown(goplugin_pb2.Empty(), timeout=TIMEOUT)

    def serve_http(self) -> Call:
        """Begin a ServeHTTP call, with nothing sent yet."""
        return Call(self.hooks.ServeHTTP(timeout=TIMEOUT))

    async def request(self, method: str, url: str, body: bytes = b"", **head: Any) -> Answer:
        """One request with its body, if any, in the first message."""
        call = self.serve_http()
        await call.send(init=init(method, url, **head), body_chunk=body, body_complete=True)
        return await call.answer()


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Host]:
    """A host connected to a plugin."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield Host(channel)


@dataclass
class Answer:
    """A response, as far as it came, and how the call ended."""

    messages: list[ServeHTTPResponse] = field(default_factory=list)
    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    details: str = ""

    @property
    def status(self) -> int:
        return self.messages[0].init.status_code

    @property
    def headers(self) -> dict[str, list[str]]:
        return {header.key: list(header.values) for header in self.messages[0].init.headers}

    @property
    def body(self) -> bytes:
        return b"".join(message.body_chunk for message in self.messages)

    @property
    def complete(self) -> bool:
        return bool(self.messages) and self.messages[-1].body_complete


class Call:
    """One ServeHTTP call."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def send(self, **message: Any) -> None:
        """Write a message."""
        await self._call.write(ServeHTTPRequest(**message))

    async def end(self) -> None:
        """Half-close."""
        await self._call.done_writing()

    def cancel(self) -> None:
        self._call.cancel()

    async def read(self) -> ServeHTTPResponse | None:
        """The next message; None at the end."""
        async with asyncio.timeout(TIMEOUT):
            message = await self._call.read()
        return message if isinstance(message, ServeHTTPResponse) else None

    async def read_body(self, size: int) -> bytes:
        """Messages until they brought so many bytes."""
        body = b""
        while len(body) < size:
            message = await self.read()
            assert message is not None, body
            body += message.body_chunk
        return body

    async def answer(self) -> Answer:
        """Everything up to the end of the call."""
        answer = Answer()
        try:
            while (message := await self.read()) is not None:
                answer.messages.append(message)
        except grpc.aio.AioRpcError:
            pass
        answer.code = await self._call.code()
        answer.details = await self._call.details() or ""
        return answer


def init(method: str, url: str, headers: dict[str, list[str]] | None = None, **fields: Any) -> ServeHTTPRequestInit:
    """A request head as the reference's host sends it."""
    defaults: dict[str, Any] = {
        "proto": "HTTP/1.1",
        "proto_major": 1,
        "proto_minor": 1,
        "host": "mattermost.example.com",
        "remote_addr": "192.0.2.7:5555",
        "request_uri": MOUNT + url,
        "content_length": -1,
    }
    entries = [HTTPHeader(key=key, values=values) for key, values in (headers or {}).items()]
    return ServeHTTPRequestInit(method=method, url=url, headers=entries, **(defaults | fields))
