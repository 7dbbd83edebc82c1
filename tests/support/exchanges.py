"""An exchange whose other end is the test."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, Close, End, Headers, Message, Part, Request, Reset, ResetCode, Response
from mattermost_plugin.exchange_reset import STOPPING, ExchangeReset
from mattermost_plugin.tunnel.errors import LocalProtocolError
from mattermost_plugin.tunnel.states import EFFECTS, ENDED, TABLES, Half, opening_states
from mattermost_plugin.types import ASGIApp
from support.patience import PATIENCE


class FakeExchange:
    """A plugin's end of an exchange that records what is sent, and judges it by the tables of the protocol.

    Args:
        request: what opened it.
        parts: what the gateway has sent already.
    """

    def __init__(self, request: Request, parts: Iterable[Part] = ()) -> None:
        self.request = request
        self.sent: list[Part] = []
        self.resets: list[Reset] = []
        self.receives = 0
        gateway, plugin = opening_states(request)
        self._states = {Half.GATEWAY: gateway, Half.PLUGIN: plugin}
        self._incoming: deque[Part] = deque()
        self._end: Reset | None = None
        self._stalled = False
        self._changed = asyncio.Event()
        self._endless = False
        self.stopping = asyncio.Event()
        self.feed(*parts)

    # The exchange

    async def receive(self) -> Part:
        self.receives += 1
        await self._until(lambda: bool(self._incoming or self._end or (self._endless and self.stopping.is_set())))
        if self._incoming:
            return self._incoming.popleft()
        if self._end is None:
            raise ExchangeReset(ResetCode.CANCELLED, STOPPING)
        raise ExchangeReset.of(self._end)

    async def send(self, *parts: Part) -> None:
        for part in parts:
            await self._send(part)

    async def _send(self, part: Part) -> None:
        if self._end is not None:
            raise ExchangeReset.of(self._end)
        self._advance(Half.PLUGIN, part)
        await self._until(lambda: not self._stalled or self._end is not None)
        if self._end is not None:
            raise ExchangeReset.of(self._end)
        self.sent.append(_as_read(part))
        self._tell()

    def reset(self, code: ResetCode, reason: str = "") -> None:
        if self._end is None and not self._finished:
            self.resets.append(Reset(code, reason))
        self._end = self._end or Reset(code, reason)
        self._tell()

    @property
    def _finished(self) -> bool:
        return set(self._states.values()) <= ENDED

    def _advance(self, half: Half, part: Part) -> None:
        state = self._states[half]
        after = TABLES[half][state].get(type(part))
        if after is None:
            raise LocalProtocolError(f"{type(part).__name__} from the {half.value} in state {state.value}")
        self._states[half] = after
        if half is Half.PLUGIN:
            gateway = self._states[Half.GATEWAY]
            self._states[Half.GATEWAY] = EFFECTS.get(gateway, {}).get(type(part), gateway)

    # The test

    def feed(self, *parts: Part) -> None:
        """The gateway sends more. Messages may be fed before the application has accepted."""
        for part in parts:
            if not isinstance(part, Message):
                self._advance(Half.GATEWAY, part)
        self._incoming.extend(parts)
        self._tell()

    def leave(self, code: ResetCode = ResetCode.CANCELLED) -> None:
        """The client goes away, or the gateway resets for another reason."""
        self._end = self._end or Reset(code, "the client left")
        self._tell()

    def end_receive_at_stop(self) -> None:
        self._endless = True

    def stop(self) -> None:
        """The gateway is about to stop."""
        self.stopping.set()
        self._tell()

    def stall(self) -> None:
        """From here on `send` waits."""
        self._stalled = True

    def resume(self) -> None:
        """The opposite of `stall`."""
        self._stalled = False
        self._tell()

    async def wait_sent(self, count: int) -> None:
        """Waits until so many parts were sent."""
        async with asyncio.timeout(PATIENCE):
            await self._until(lambda: len(self.sent) >= count)

    async def _until(self, met: Callable[[], bool]) -> None:
        while not met():
            await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # What was sent

    @property
    def response(self) -> Response:
        return next(part for part in self.sent if isinstance(part, Response))

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Headers:
        return self.response.headers

    @property
    def body(self) -> bytes:
        return b"".join(part.data for part in self.sent if isinstance(part, Body))

    @property
    def messages(self) -> list[Message]:
        return [part for part in self.sent if isinstance(part, Message)]

    @property
    def closed(self) -> Close | None:
        return next((part for part in self.sent if isinstance(part, Close)), None)

    @property
    def ended(self) -> bool:
        """The response is complete, trailers included."""
        return bool(self.sent) and isinstance(self.sent[-1], End)


def _as_read(part: Part) -> Part:
    """A part as the other side reads it: an end without trailers has the default ones."""
    return End() if isinstance(part, End) and not part.trailers else part


async def serve(app: ASGIApp, request: Request, *parts: Part) -> FakeExchange:
    """Run an application to its end for one exchange in which the gateway has sent all it will."""
    exchange = FakeExchange(request, parts)
    async with asyncio.timeout(PATIENCE):
        await ASGIAdapter(app).serve(exchange)
    return exchange


async def get(app: ASGIApp, target: bytes = b"/", root: bytes = b"", headers: Headers = ()) -> FakeExchange:
    """Run an application for one GET; `root` is the part of the target at which it is mounted."""
    return await serve(app, Request("GET", root + target, len(root), headers), End())


async def post(app: ASGIApp, body: bytes, target: bytes = b"/", headers: Headers = ()) -> FakeExchange:
    """Run an application for one POST of one piece."""
    return await serve(app, Request("POST", target, headers=headers), Body(body), End())
