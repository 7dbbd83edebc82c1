"""Fixtures for tests that are not async: the plugin runs in a thread with an event loop of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import CommandArgs, CommandResponse
from mattermost_plugin.plugin import Plugin
from mattermost_plugin.testing.events import ServerSentEvent
from mattermost_plugin.testing.job_clock import JobClock
from mattermost_plugin.testing.lifetime import PluginHost, RunningPlugin, running
from mattermost_plugin.testing.outcomes import Outcome
from mattermost_plugin.testing.responses import Response, ResponseStream
from mattermost_plugin.testing.websocket import WebSocket

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class BlockingStream:
    """`ResponseStream` for a thread."""

    def __init__(self, stream: ResponseStream, portal: BlockingPortal) -> None:
        self.status = stream.status
        self.headers = stream.headers
        self._stream = stream
        self._portal = portal

    @property
    def status_code(self) -> int:
        """The status, as other clients call it."""
        return self.status

    def receive(self) -> bytes:
        """The next piece of the body; empty once it is complete."""
        return self._portal.call(self._stream.receive)

    def __iter__(self) -> Iterator[bytes]:
        """The pieces of the body."""
        return iter(self.receive, b"")

    def events(self) -> Iterator[ServerSentEvent]:
        """The body's server-sent events."""
        events = self._stream.events()
        while (event := self._portal.call(_next_or_none, events)) is not None:
            yield event

    def read(self) -> Response:
        """The response with what is left of its body."""
        return self._portal.call(self._stream.read)

    def disconnect(self) -> None:
        """Go away; the plugin is told so."""
        self._portal.call(self._stream.disconnect)


class BlockingWebSocket:
    """`WebSocket` for a thread."""

    def __init__(self, websocket: WebSocket, portal: BlockingPortal) -> None:
        self.headers = websocket.headers
        self.subprotocol = websocket.subprotocol
        self._websocket = websocket
        self._portal = portal

    def send(self, message: str | bytes) -> None:
        """Send a message."""
        self._portal.call(self._websocket.send, message)

    def receive(self) -> str | bytes:
        """The plugin's next message; raises WebSocketClosed at the end."""
        return self._portal.call(self._websocket.receive)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it in order."""
        self._portal.call(self._websocket.close, code, reason)

    def disconnect(self) -> None:
        """Go away without a word."""
        self._portal.call(self._websocket.disconnect)


class BlockingPlugin:
    """A plugin that runs, for a thread: requests, streams, WebSockets and hooks. Options are those of `PluginClient`.

    Args:
        running: the plugin.
        portal: to its event loop.

    Attributes:
        plugin: the plugin.
    """

    def __init__(self, running: RunningPlugin, portal: BlockingPortal) -> None:
        self.plugin = running.plugin
        self._running = running
        self._portal = portal

    def call(
        self, function: Callable[Parameters, Awaitable[Result]], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run an async function in the plugin's event loop, and return its result."""
        return self._portal.call(partial(function, *args, **kwargs))

    def fire(self, hook: HookName | str, *subjects: Any, **fields: Any) -> Outcome:
        """Fire a hook; see `HookFirer.fire`."""
        return self.call(self._running.hooks.fire, hook, *subjects, **fields)

    def command(self, entered: str, args: CommandArgs | None = None, **options: Any) -> CommandResponse | None:
        """Enter a slash command; see `HookFirer.command`."""
        return self.call(self._running.hooks.command, entered, args, **options)

    def request(self, method: str, path: str, **options: Any) -> Response:
        """Send a request, and wait for the whole response."""
        return self.call(self._running.client.request, method, path, **options)

    def get(self, path: str, **options: Any) -> Response:
        """GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        """POST."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Response:
        """PUT."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Response:
        """PATCH."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Response:
        """DELETE."""
        return self.request("DELETE", path, **options)

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[BlockingStream]:
        """Send a request, and read the response as it comes."""
        opening = self._running.client.stream(method, path, **options)
        with self._portal.wrap_async_context_manager(opening) as stream:
            yield BlockingStream(stream, self._portal)

    @contextmanager
    def websocket(self, path: str, **options: Any) -> Iterator[BlockingWebSocket]:
        """Open a WebSocket."""
        with self._portal.wrap_async_context_manager(self._running.client.websocket(path, **options)) as websocket:
            yield BlockingWebSocket(websocket, self._portal)


@contextmanager
def blocking(
    plugin: Plugin, *, host: PluginHost | None = None, activate: bool = True, clock: JobClock | None = None
) -> Iterator[BlockingPlugin]:
    """`running` for a thread, with the same arguments and errors."""
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(running(plugin, host=host, activate=activate, clock=clock)) as started,
    ):
        yield BlockingPlugin(started, portal)


async def _next_or_none(events: Any) -> ServerSentEvent | None:
    event: ServerSentEvent | None = await anext(events, None)
    return event
