"""A debugger that connects to debugpy, by the Debug Adapter Protocol: as much as a test asks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.patience import PATIENCE


class Debugger:
    """One that has connected, and is told of all that happens."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._asked = 0

    async def attach(self, file: Path, line: int) -> None:
        """Attach, and have the process stop in a line of a file."""
        self._send("initialize", adapterID="test", pathFormat="path")
        self._send("attach", name="test")
        await self.event("initialized")
        self._send("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}])
        done = self._send("configurationDone")
        await self._until(lambda message: message.get("request_seq") == done)

    async def stopped(self) -> int:
        """The thread that stands still, once one does."""
        thread: int = (await self.event("stopped"))["body"]["threadId"]
        return thread

    def resume(self, thread: int) -> None:
        """Let it go on."""
        self._send("continue", threadId=thread)

    async def event(self, name: str) -> dict[str, Any]:
        """The next event of this name."""
        return await self._until(lambda message: message.get("event") == name)

    def _send(self, command: str, **arguments: Any) -> int:
        self._asked += 1
        text = json.dumps({"seq": self._asked, "type": "request", "command": command, "arguments": arguments}).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n" % len(text) + text)
        return self._asked

    async def _until(self, wanted: Any) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while not wanted(message := await self._receive()):
                assert message.get("success", True), message
            return message

    async def _receive(self) -> dict[str, Any]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        message: dict[str, Any] = json.loads(await self._reader.readexactly(int(head.split(b":")[1])))
        return message


@asynccontextmanager
async def debugger(port: int) -> AsyncIterator[Debugger]:
    """A debugger that has connected to a port of this machine."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Debugger(reader, writer)
    finally:
        writer.close()
