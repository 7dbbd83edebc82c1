"""What can happen to a test's requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattermost_plugin.testing.responses import Response


class BrokenResponse(ConnectionError):
    """The response ended before it was complete; a client would see its connection break."""


class CommandFailed(Exception):
    """The plugin answered a slash command with an error; the text is what its user is shown."""


class WebSocketRefused(Exception):
    """The plugin answered a WebSocket's handshake with a response.

    Attributes:
        response: what it answered.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(f"the WebSocket was refused with status {response.status}")
        self.response = response


class WebSocketClosed(Exception):
    """The WebSocket has ended.

    Attributes:
        code: the plugin's close code; 1006 if it was cut off without one.
        reason: the plugin's reason.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the WebSocket was closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason
