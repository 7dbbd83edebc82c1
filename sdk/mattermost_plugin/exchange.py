"""One HTTP request or WebSocket between gateway and plugin, as a sequence of parts.

This is the interface that everything above a transport sees. Both ways across (the tunnel and ServeHTTP) and both ends
of each speak it, so that nothing above knows which one carried a request:

    gateway → plugin   Request, then Body… End          or, on a WebSocket, Message… Close
    plugin → gateway   Informational… Response, Body… End   or   Accept, Message… Close

Header names are lower-case bytes. Parts are plain records, not frozen ones, because millions of them are made; nobody
changes one. The commonest have an `__init__` of their own: the one that `dataclass` writes stays interpreted when this
module is compiled.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import asyncio

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Address: TypeAlias = tuple[str, int]


class Common:
    """What requests have in common that differ only in target, root, id, and in the headers that follow `fields`.

    Whoever encodes one of them keeps the bytes with it.
    """

    __slots__ = ("encoded", "fields")

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self.fields = fields
        self.encoded: bytes | None = None


@dataclass(slots=True, init=False)
class Request:
    """What opens an exchange: an HTTP request head, or a WebSocket's opening handshake."""

    method: str
    target: bytes
    """Origin form as the client sent it: the raw path, and the query after a '?'."""
    root_length: int
    """How many bytes of `target` are the mount prefix, the ASGI `root_path`."""
    headers: Headers
    scheme: str
    http_version: str
    client: Address | None
    server: Address | None
    websocket: bool
    trailers: bool
    """The way to the client can carry trailers."""
    early_hints: bool
    """The way to the client can carry 103 Early Hints."""
    request_id: bytes
    """What logs call it; empty where nobody has named it."""
    common: Common | None = field(compare=False)
    """What others like it share with it; its fields are what `headers` begins with."""

    def __init__(
        self,
        method: str,
        target: bytes,
        root_length: int = 0,
        headers: Headers = (),
        scheme: str = "http",
        http_version: str = "1.1",
        client: Address | None = None,
        server: Address | None = None,
        websocket: bool = False,
        trailers: bool = False,
        early_hints: bool = False,
        request_id: bytes = b"",
        common: Common | None = None,
    ) -> None:
        self.method = method
        self.target = target
        self.root_length = root_length
        self.headers = headers
        self.scheme = scheme
        self.http_version = http_version
        self.client = client
        self.server = server
        self.websocket = websocket
        self.trailers = trailers
        self.early_hints = early_hints
        self.request_id = request_id
        self.common = common

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, by its lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


@dataclass(slots=True)
class Informational:
    """An interim response: 100 asks for a body that awaits it, 103 brings early hints."""

    status: int
    headers: Headers = ()


@dataclass(slots=True, init=False)
class Response:
    """The final response head."""

    status: int
    headers: Headers
    trailers: bool
    """The end will bring a trailer section."""
    prepared: Any = field(compare=False, repr=False)
    """What whoever passes it on made of it: responses that arrive as the same bytes are one object."""

    def __init__(self, status: int, headers: Headers = (), trailers: bool = False) -> None:
        self.status = status
        self.headers = headers
        self.trailers = trailers
        self.prepared = None


@dataclass(slots=True, init=False)
class Body:
    """A piece of the body; never empty."""

    data: bytes

    def __init__(self, data: bytes) -> None:
        self.data = data


@dataclass(slots=True, init=False)
class End:
    """The body is complete."""

    trailers: Headers

    def __init__(self, trailers: Headers = ()) -> None:
        self.trailers = trailers


@dataclass(slots=True)
class Accept:
    """The WebSocket is open."""

    headers: Headers = ()
    subprotocol: str = ""


@dataclass(slots=True, init=False)
class Message:
    """One WebSocket message, or with `more` a piece of one, which only a transport sees."""

    data: bytes
    text: bool
    more: bool

    def __init__(self, data: bytes, text: bool = False, more: bool = False) -> None:
        self.data = data
        self.text = text
        self.more = more


@dataclass(slots=True)
class Close:
    """The WebSocket ends in order."""

    code: int = 1000
    reason: str = ""


class ResetCode(enum.IntEnum):
    """Why an exchange ended before its time; the numbers are the tunnel's."""

    NO_ERROR = 0
    CANCELLED = 1
    REFUSED = 2
    INTERNAL = 3
    PROTOCOL = 4
    FLOW_CONTROL = 5
    TIMEOUT = 6
    LIMIT = 7


@dataclass(slots=True)
class Reset:
    """The exchange ends at once, in both directions."""

    code: ResetCode
    reason: str = ""


Part: TypeAlias = Request | Informational | Response | Body | End | Accept | Message | Close | Reset


class Exchange(Protocol):
    """One end of an exchange.

    Each of `receive` and `send` has one caller at a time; the two may run side by side.
    """

    request: Request

    async def receive(self) -> Part:
        """The peer's next part. After its last one (`End`, `Close`) this waits for a reset.

        Raises:
            ExchangeReset: once all parts that came before the end of the exchange were handed out.
        """
        ...

    async def send(self, *parts: Part) -> None:
        """Send parts, in order; waits while the peer does not keep up.

        Raises:
            ExchangeReset: the exchange is over, so they go nowhere.
        """
        ...

    def reset(self, code: ResetCode, reason: str = "") -> None:
        """End the exchange in both directions. After both sides ended in order, or a second time, it does nothing."""
        ...


class PluginExchange(Exchange, Protocol):
    """The plugin's end."""

    @property
    def stopping(self) -> asyncio.Event:
        """Set once whoever sent the request, or this process, is about to stop."""
        ...

    def end_receive_at_stop(self) -> None:
        """Let `receive` raise once `stopping` is set: what is sent would have no end by itself."""
        ...


Serve: TypeAlias = Callable[[PluginExchange], Awaitable[None]]
"""Answers one exchange."""
