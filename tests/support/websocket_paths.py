"""Plays the same WebSocket over the fast path and over the ASGI path, and tells what everybody saw of it.

As `support.both_paths` does with HTTP: the client is a real socket; the plugin is the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from structlog.testing import capture_logs
from websockets.client import ClientProtocol
from websockets.extensions import ClientExtensionFactory
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response as Answer
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
    End,
    Exchange,
    Informational,
    Message,
    Part,
    ResetCode,
    Response,
)
from mattermost_plugin.exchange_reset import ExchangeReset
from support.both_paths import LOGGED, PATH, Path, seen_of
from support.figures import difference, how_many
from support.patience import PATIENCE

OF_EACH_HANDSHAKE = ("date", "x-request-id", "sec-websocket-accept")
MASK = b"\x01\x02\x03\x04"


# What is played


@dataclass(frozen=True)
class Say:
    """The client sends a message, in so many frames."""

    data: bytes
    text: bool = False
    frames: int = 1


@dataclass(frozen=True)
class Ping:
    """The client sends a ping, and has its pong."""

    data: bytes = b""


@dataclass(frozen=True)
class Goodbye:
    """The client closes, perhaps without a code."""

    code: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Break:
    """The client sends bytes that no client may send."""

    data: bytes


@dataclass(frozen=True)
class Leave:
    """The client goes away, so that it can be seen (RST), or as if it were done (FIN)."""

    reset: bool = True


@dataclass(frozen=True)
class Open:
    """The plugin accepts."""

    headers: tuple[tuple[bytes, bytes], ...] = ()
    subprotocol: str = ""


@dataclass(frozen=True)
class Tell:
    """The plugin sends a message."""

    data: bytes
    text: bool = False


@dataclass(frozen=True)
class Bye:
    """The plugin closes."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True)
class Abort:
    """The plugin resets the exchange."""

    code: ResetCode


@dataclass(frozen=True)
class Inform:
    """The plugin sends an interim response, which no handshake is answered with."""

    status: int = 103


@dataclass(frozen=True)
class Refuse:
    """The plugin begins a response in the place of an acceptance."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Piece:
    """The plugin sends a piece of its body."""

    size: int


@dataclass(frozen=True)
class Complete:
    """It is complete."""


ClientStep: TypeAlias = Say | Ping | Goodbye | Break | Leave
PluginStep: TypeAlias = Open | Tell | Bye | Abort | Inform | Refuse | Piece | Complete
Step: TypeAlias = ClientStep | PluginStep
PLUGIN_STEPS = (Open, Tell, Bye, Abort, Inform, Refuse, Piece, Complete)


@dataclass(frozen=True)
class Play:
    """One WebSocket.

    Attributes:
        steps: what happens after the handshake was sent.
        compressed: whether the client offers to compress.
        stubborn: the plugin goes on sending after the client's close, instead of closing too.
        burst: steps of the same side follow one another at once; otherwise each waits until the other has seen it.
    """

    steps: tuple[Step, ...]
    compressed: bool = False
    stubborn: bool = False
    burst: bool = False


# What is seen


@dataclass
class ClientSaw:
    """The answer to the handshake, the messages, the server's close, and whether the connection has ended."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    messages: list[tuple[bool, bytes]] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    close: tuple[int, str] | None = None
    left: bool = False
    ended: bool = False


@dataclass
class PluginSaw:
    request: tuple[object, ...] | None = None
    parts: list[Part] = field(default_factory=list)
    reset: tuple[ResetCode, str] | None = None
    offers: int = 1


@dataclass
class Saw:
    """What everybody saw of one WebSocket."""

    client: ClientSaw
    plugin: PluginSaw
    log: dict[str, object]
    counted: dict[tuple[str, ...], float]


def frame(opcode: int, data: bytes, *, final: bool = True, first: int = 0) -> bytes:
    """A client's frame; `first` has further bits of its first byte."""
    size = len(data)
    length = bytes((0x80 | size,)) if size < 126 else b"\xff" + size.to_bytes(8, "big")
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(data))
    return bytes((opcode | first | (0x80 if final else 0),)) + length + MASK + masked


class Scene:
    """One WebSocket on its way."""

    def __init__(self, path: Path, play: Play) -> None:
        self._path = path
        self._play = play
        self._changed = asyncio.Event()
        self._client = ClientSaw()
        self._plugin = PluginSaw()
        self._exchange: Exchange | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._over: asyncio.Event | None = None
        self._said = 0
        self._told = 0
        self._closed = False  # the plugin's half
        self._answered = False
        extensions: list[ClientExtensionFactory] = [ClientPerMessageDeflateFactory()]
        self._protocol = ClientProtocol(
            parse_uri(f"ws://127.0.0.1:{path.port}{PATH}"),
            extensions=extensions if play.compressed else None,
            subprotocols=[Subprotocol("chat")],
            max_size=None,
        )
        self._message: Frame | None = None

    async def run(self) -> Saw:
        """Play it to its end."""
        before = how_many(self._path.figures)
        with capture_logs(processors=[self._notify]) as logs:
            async with asyncio.timeout(PATIENCE):
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._path.port)
                self._protocol.send_request(self._protocol.connect())
                self._write()
                self._tasks += [asyncio.create_task(self._watch()), asyncio.create_task(self._take_exchanges())]
                try:
                    await self._until(lambda: self._exchange is not None)
                    await self._steps()
                    await self._until(lambda: self._client.ended)
                    await self._until(lambda: any("bytes_in" in log for log in logs))
                    await self._until(self._is_over_for_the_plugin)
                finally:
                    await self._clean_up()
        line = next(log for log in logs if log["event"].endswith(PATH))
        counted = difference(how_many(self._path.figures), before)
        return Saw(self._client, self._plugin, {name: line.get(name) for name in LOGGED}, counted)

    async def _clean_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._over is not None:
            self._over.set()
        self._writer.transport.abort()

    # The steps

    async def _steps(self) -> None:
        steps = self._play.steps
        for step, following in zip(steps, [*steps[1:], None], strict=False):
            if isinstance(step, PLUGIN_STEPS):
                with contextlib.suppress(ExchangeReset):  # the gateway has not liked a step before
                    await self._play_plugin(step)
            else:
                self._play_client(step)
            same_side = isinstance(step, PLUGIN_STEPS) == isinstance(following, PLUGIN_STEPS)
            if following is not None and not (self._play.burst and same_side):
                await self._until(lambda step=step: self._is_seen(step))  # type: ignore[misc]

    def _play_client(self, step: ClientStep) -> None:
        match step:
            case Say():
                self._said += 1
                self._say(step)
            case Ping(data):
                self._protocol.send_ping(data)
                self._write()
            case Goodbye(code, reason):
                self._protocol.send_close(code, reason)
                self._write()
            case Break(data):
                self._writer.write(data)
            case Leave(reset):
                self._leave(reset)

    def _say(self, step: Say) -> None:
        size = max(1, -(-len(step.data) // step.frames))
        pieces = [step.data[at : at + size] for at in range(0, len(step.data), size)] or [b""]
        if self._client.status != 101:  # nothing was agreed on yet
            opcodes = [Opcode.TEXT if step.text else Opcode.BINARY] + [Opcode.CONT] * (len(pieces) - 1)
            for number, (opcode, piece) in enumerate(zip(opcodes, pieces, strict=True), 1):
                self._writer.write(frame(opcode, piece, final=number == len(pieces)))
            return
        send = self._protocol.send_text if step.text else self._protocol.send_binary
        send(pieces[0], len(pieces) == 1)
        for number, piece in enumerate(pieces[1:], 2):
            self._protocol.send_continuation(piece, number == len(pieces))
        self._write()

    def _leave(self, reset: bool) -> None:
        self._client.left = True
        if not reset:
            self._writer.write_eof()
            return
        self._client.ended = True
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    def _is_seen(self, step: Step) -> bool:
        """Whether the other side has seen a step."""
        saw = self._client
        match step:
            case Say():
                return self._all_is_heard() or self._client.status is None
            case Ping():
                return len(saw.pongs) >= 1
            case Open():
                return saw.status is not None and self._all_is_heard()
            case Refuse() | Piece():
                return self._answered
            case Tell():
                return len(saw.messages) >= self._told
        return True

    def _all_is_heard(self) -> bool:
        """Whether the plugin has all that the client said."""
        return sum(isinstance(part, Message) for part in self._plugin.parts) >= self._said

    # The client

    async def _watch(self) -> None:
        """Take what comes."""
        while not self._client.ended:
            try:
                data = await self._reader.read(65536)
            except ConnectionError:
                data = b""
            self._answered = True
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
                self._client.ended = True
            for event in self._protocol.events_received():
                self._take(event)
            if not self._client.left:
                self._write()
            self._changed.set()

    def _take(self, event: object) -> None:
        saw = self._client
        if isinstance(event, Answer):
            saw.status, saw.body = event.status_code, bytes(event.body).partition(b'"request_id"')[0]
            headers = [(name.lower(), value) for name, value in event.headers.raw_items()]
            saw.headers = sorted(header for header in headers if header[0] not in OF_EACH_HANDSHAKE)
        elif isinstance(event, Frame):
            self._take_frame(event)

    def _take_frame(self, event: Frame) -> None:
        saw = self._client
        if event.opcode is Opcode.PONG:
            saw.pongs.append(bytes(event.data))
        elif event.opcode is Opcode.CLOSE:
            close = self._protocol.close_rcvd
            assert close is not None
            saw.close = int(close.code), close.reason
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY):
            assert event.fin, "the gateway sends messages whole"
            saw.messages.append((event.opcode is Opcode.TEXT, bytes(event.data)))

    def _write(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)

    # The plugin

    async def _take_exchanges(self) -> None:
        exchange, self._over = await self._path.exchanges.get()
        own = (b"host", b"sec-websocket-key")
        headers = [header for header in exchange.request.headers if header[0] not in own]
        self._plugin.request = seen_of(replace(exchange.request, headers=headers))
        self._exchange = exchange
        self._changed.set()
        try:
            while True:
                part = await exchange.receive()
                self._plugin.parts.append(part)
                self._changed.set()
                if isinstance(part, Close) and not self._closed:
                    self._closed = not self._play.stubborn
                    await exchange.send(Message(b"and another thing") if self._play.stubborn else part)
        except ExchangeReset as reset:
            self._plugin.reset = reset.code, reset.reason
            self._changed.set()
        await self._refuse_others()

    async def _refuse_others(self) -> None:
        """What was refused untouched is offered again, and refused again."""
        while True:
            exchange, over = await self._path.exchanges.get()
            self._plugin.offers += 1
            exchange.reset(ResetCode.REFUSED, "as it was told")
            over.set()

    async def _play_plugin(self, step: PluginStep) -> None:
        exchange = self._exchange
        assert exchange is not None
        match step:
            case Open(headers, subprotocol):
                await exchange.send(Accept(headers, subprotocol))
            case Tell(data, text):
                self._told += 1
                await exchange.send(Message(data, text))
            case Bye(code, reason):
                self._closed = True
                await exchange.send(Close(code, reason))
            case Abort(code):
                exchange.reset(code, "the play wants it")
            case Inform(status):
                await exchange.send(Informational(status))
            case Refuse(status, headers):
                await exchange.send(Response(status, headers))
            case Piece(size):
                await exchange.send(Body(b"x" * size))
            case Complete():
                self._closed = True
                await exchange.send(End())

    def _is_over_for_the_plugin(self) -> bool:
        refused = any(isinstance(step, Refuse) for step in self._play.steps)
        ended = refused or any(isinstance(part, Close) for part in self._plugin.parts)
        return self._plugin.reset is not None or (self._closed and ended)

    # Waiting

    def _notify(self, logger: Any, name: str, event: Any) -> Any:
        self._changed.set()
        return event

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
