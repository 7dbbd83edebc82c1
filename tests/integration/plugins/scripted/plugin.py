"""A plugin whose application does step by step what the query of a request says.

`/perform?7&start=10&piece=4&gate&last=6` is request 7, whose response declares ten bytes and has two pieces, with a
wait between them for `/open?7`. `/state` tells what is left of all requests.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.exchange import Request

RAISED: dict[str, type[BaseException]] = {
    "error": RuntimeError,
    "base": BaseException,
    "cancelled": asyncio.CancelledError,
    "generator": GeneratorExit,
    "exit": SystemExit,
    "interrupt": KeyboardInterrupt,
}


class Gate:
    """What a performance waits for, or what ends it early."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self._limit: asyncio.Timeout | None = None

    def open(self) -> None:
        """Let the performance go on; one that is limited ends here."""
        if self._limit is not None and not self.opened.is_set():
            self._limit.reschedule(0)
        self.opened.set()

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Time out as soon as it opens."""
        async with asyncio.timeout(0 if self.opened.is_set() else None) as self._limit:
            try:
                yield
            finally:
                self._limit = None


class Performance:
    """One request, answered step by step; each method without an underscore is a step."""

    def __init__(self, name: str, gate: Gate, receive: Any, send: Any) -> None:
        self.name = name
        self._gate = gate
        self._receive = receive
        self._send = send
        self._reading = True
        self._sent = 0

    async def run(self, steps: list[str]) -> None:
        """Take one step after the other."""
        for step in steps:
            name, _, value = step.partition("=")
            await getattr(self, name)(value)

    async def read(self, _: str) -> None:
        """The next piece of the body, if there is one."""
        if self._reading:
            event = await self._receive()
            self._reading = event["type"] == "http.request" and event["more_body"]

    async def peek(self, _: str) -> None:
        """Begin to read, and give it up unless something is there."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self.read("")

    async def read_all(self, _: str) -> None:
        """The body to its end."""
        while self._reading:
            await self.read("")

    async def listen(self, _: str) -> None:
        """Wait for the client's leaving."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def gate(self, _: str) -> None:
        """Wait for a word of the test's."""
        await self._gate.opened.wait()

    async def start(self, length: str) -> None:
        """The head, with a length or without."""
        headers = [(b"content-length", length.encode())] if length else []
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def piece(self, length: str) -> None:
        """A piece of the body."""
        await self._send_body(int(length), more=True)

    async def hasty(self, length: str) -> None:
        """A piece of the body, without waiting until it has left."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self.piece(length)

    async def last(self, length: str) -> None:
        """The last piece of the body."""
        await self._send_body(int(length), more=False)

    async def fail(self, kind: str) -> None:
        """Raise something."""
        raise RAISED[kind]("as the script says")

    async def cancel(self, _: str) -> None:
        """Cancel the task that this runs in."""
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def _send_body(self, length: int, *, more: bool) -> None:
        start, self._sent = self._sent, self._sent + length
        unit = f"{self.name}.".encode()
        data = (unit * (self._sent // len(unit) + 1))[start : self._sent]
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


class Scripted(Plugin):
    """Performs, and knows who performs."""

    def __init__(self) -> None:
        self.live: list[str] = []
        self.gates: dict[str, Gate] = defaultdict(Gate)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        name, *steps = scope["query_string"].decode().split("&")
        if scope["path"].endswith("/perform"):
            await self._perform(Performance(name, self.gates[name], receive, send), self.gates[name], steps)
            return
        if scope["path"].endswith("/open"):
            self.gates[name].open()
        body = json.dumps(self._state()).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def _perform(self, performance: Performance, gate: Gate, steps: list[str]) -> None:
        self.live.append(performance.name)
        try:
            if steps[0] == "limited":
                async with gate.limit():
                    await performance.run(steps[1:])
            else:
                await performance.run(steps)
        finally:
            self.live.remove(performance.name)

    def _state(self) -> dict[str, Any]:
        """Beside the performances, the requests that the process still holds; the one that asks is one of them."""
        gc.collect()
        requests = sum(isinstance(each, Request) for each in gc.get_objects())
        return {"pid": os.getpid(), "live": self.live, "requests": requests}


if __name__ == "__main__":
    run_plugin(Scripted)
