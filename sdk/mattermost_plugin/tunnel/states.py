"""Who may send what, and when: the tables of docs/protocol.md §3.4.

An exchange has two halves, one for each sender. The tables are blind to which side runs them: the core asks
them for the parts it sends and for those it receives alike. What is not in a table is a violation. What one half's part
does to the *other* half stands in `EFFECTS`.

`Reset` and credit are not in the tables: they are legal whenever the exchange exists.
"""

from __future__ import annotations

import enum
from typing import Final

from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
    End,
    Informational,
    Message,
    Request,
    Response,
)


class Half(enum.Enum):
    """The two directions of an exchange, by who sends."""

    GATEWAY = "gateway"
    PLUGIN = "plugin"

    __hash__ = object.__hash__  # Enum's own is slow Python, and every part looks its states up


class State(enum.Enum):
    """How far one half has come."""

    IDLE = "idle"
    HEAD = "head"
    HANDSHAKE = "handshake"
    BODY = "body"
    MESSAGES = "messages"
    REFUSED = "refused"
    """The gateway's half after a WebSocket was refused: done, but for a close that may have been under way."""
    DONE = "done"

    __hash__ = object.__hash__


Table = dict[State, dict[type, State]]
"""For each state of a half the parts that may be sent in it, and the state that follows."""

GATEWAY: Final[Table] = {
    State.IDLE: {},
    State.BODY: {Body: State.BODY, End: State.DONE},
    State.HANDSHAKE: {Close: State.DONE},
    State.MESSAGES: {Message: State.MESSAGES, Close: State.DONE},
    State.REFUSED: {Close: State.DONE},
    State.DONE: {},
}

PLUGIN: Final[Table] = {
    State.IDLE: {},
    State.HEAD: {Informational: State.HEAD, Response: State.BODY},
    State.HANDSHAKE: {Informational: State.HANDSHAKE, Response: State.BODY, Accept: State.MESSAGES},
    State.BODY: {Body: State.BODY, End: State.DONE},
    State.MESSAGES: {Message: State.MESSAGES, Close: State.DONE},
    State.DONE: {},
}

TABLES: Final[dict[Half, Table]] = {Half.GATEWAY: GATEWAY, Half.PLUGIN: PLUGIN}

EFFECTS: Final[Table] = {State.HANDSHAKE: {Accept: State.MESSAGES, Response: State.REFUSED}}
"""For a state of the gateway's half the parts of the plugin that change it, and the state that follows."""


ENDED: Final = frozenset((State.REFUSED, State.DONE))
"""The states in which a half is complete."""


def opening_states(request: Request) -> tuple[State, State]:
    """The states of the gateway's and the plugin's half once `request` has been sent."""
    if request.websocket:
        return State.HANDSHAKE, State.HANDSHAKE
    return State.BODY, State.HEAD
