"""How WebSockets end, whichever path they take.

| the exchange ended | before the plugin has accepted | afterwards |
|---|---|---|
| because the client went away | nothing | nothing |
| by a `Close` of the plugin's | – | closed with its code |
| LIMIT | answered or offered again, as `servehttp.front.endings` says | closed with 1009 |
| CANCELLED: the plugin was stopped or lost | the same | closed with 1012: it may be back soon |
| in any other way | the same | closed with 1011 |

A response that refuses the handshake and is not completed is broken off.
"""

from __future__ import annotations

from typing import Final

from mattermost_plugin.exchange import Close, Reset, ResetCode, Response
from servehttp.front.endings import Ending, ending
from servehttp.front.rules import InvalidResponse

SWITCHING_PROTOCOLS: Final = 101

NORMAL: Final = 1000
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006
TOO_LARGE: Final = 1009
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012

NO_ANSWER: Final = "no answer in time"
PLUGIN_CLOSED: Final = "the plugin has closed the WebSocket"

CODES: Final = {ResetCode.LIMIT: TOO_LARGE, ResetCode.CANCELLED: SERVICE_RESTART}

NO_CODES: Final = frozenset((0, NO_STATUS, ABNORMAL))
"""Say only that there was no code, and are never sent (RFC 6455 §7.4.1)."""

SENDABLE: Final = (frozenset(range(1000, 1015)) - {1004, NO_STATUS, ABNORMAL}) | frozenset(range(3000, 5000))
"""RFC 6455 §7.4 and the IANA registry: codes that may stand in a close frame."""

MAX_REASON: Final = 123
"""Bytes of a close frame's reason."""

LAST_STATUS: Final = 599
"""Of a response to a handshake: clients of WebSockets know no others."""


def close_code(reset: Reset) -> int:
    """With what an open WebSocket is closed whose exchange was reset."""
    return CODES.get(reset.code, INTERNAL_ERROR)


def handshake_ending(reset: Reset, plugin_id: str) -> Ending:
    """What is done about a handshake whose exchange was reset before it was answered."""
    return ending(reset, plugin_id, started=False, body_begun=False)


def sendable(close: Close) -> Close:
    """What a client is sent for a plugin's close.

    Raises:
        InvalidResponse: nothing, for it has a code or a reason that cannot be sent.
    """
    code = NORMAL if close.code in NO_CODES else close.code
    if code not in SENDABLE:
        raise InvalidResponse(f"the plugin closed the WebSocket with the code {close.code}")
    if len(close.reason.encode()) > MAX_REASON:
        raise InvalidResponse(f"the plugin closed the WebSocket with a reason of more than {MAX_REASON} bytes")
    return Close(code, close.reason)


def check_refusal(response: Response) -> None:
    """See that a response can refuse a handshake.

    Raises:
        InvalidResponse: it cannot.
    """
    if response.status > LAST_STATUS:
        raise InvalidResponse(f"the plugin refused a WebSocket with status {response.status}")


def valid_text(data: bytes) -> bytes:
    """Text as it may be sent, which has to be UTF-8."""
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data
