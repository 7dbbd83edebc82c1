"""What tests do with two cores: open exchanges, send, and take apart what was received."""

from __future__ import annotations

from mattermost_plugin.exchange import Body, Message, Part, Request, Reset, ResetCode
from mattermost_plugin.tunnel.connection import Connection
from mattermost_plugin.tunnel.parts import Drain
from support.tunnels import POST, CorePair, Received


def opened(pair: CorePair, request: Request = POST) -> int:
    """An exchange that both sides know of."""
    id = pair.gateway.open(request)
    pair.to_plugin()
    return id


def send(core: Connection, id: int, *parts: Part) -> None:
    """Queues parts one after another."""
    for part in parts:
        core.send(id, [part])


def parts_of(received: list[Received], id: int) -> list[Part | Drain]:
    """What one exchange was told."""
    return [part for number, part in received if number == id]


def resets(received: list[Received]) -> list[tuple[int, ResetCode]]:
    """The exchanges that were reset, and why."""
    return [(id, part.code) for id, part in received if isinstance(part, Reset)]


def data_of(received: list[Received], id: int) -> bytes:
    """The bytes that one exchange was told."""
    return b"".join(part.data for part in parts_of(received, id) if isinstance(part, (Body, Message)))
