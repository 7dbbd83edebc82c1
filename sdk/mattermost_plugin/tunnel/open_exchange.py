"""One exchange that is open: the states of its halves, its windows, and what waits to be sent."""

from __future__ import annotations

from collections import deque

from mattermost_plugin.exchange import Body, Message, Part, Request
from mattermost_plugin.tunnel.states import EFFECTS, ENDED, GATEWAY, PLUGIN, opening_states
from mattermost_plugin.tunnel.windows import ReceiveWindow, SendWindow


class OpenExchange:
    """Both halves of one exchange, as one end of the tunnel keeps them.

    Args:
        id: its number in the tunnel.
        request: what opened it.
        send_window: what the peer takes yet.
        receive_window: what it may send yet.
    """

    __slots__ = (
        "abandoned",
        "gateway",
        "id",
        "offset",
        "outbox",
        "plugin",
        "queued",
        "receive_window",
        "scheduled",
        "send_window",
    )

    def __init__(self, id: int, request: Request, send_window: SendWindow, receive_window: ReceiveWindow) -> None:
        self.id = id
        self.gateway, self.plugin = opening_states(request)
        self.send_window = send_window
        self.receive_window = receive_window
        self.outbox: deque[Part] = deque()
        self.offset = 0
        self.queued = 0
        self.scheduled = False
        self.abandoned = False  # the local side consumes nothing more

    def advance(self, *, plugin: bool, part: Part) -> str | None:
        """Move one half, the plugin's or the gateway's, on by `part`; returns what is wrong if the tables forbid it."""
        kind = type(part)
        if plugin:
            state, after = self.plugin, PLUGIN[self.plugin].get(kind)
            self.plugin = after or state
            if after and self.gateway in EFFECTS:
                self.gateway = EFFECTS[self.gateway].get(kind, self.gateway)
        else:
            state, after = self.gateway, GATEWAY[self.gateway].get(kind)
            self.gateway = after or state
        if after:
            return None
        return f"{kind.__name__} from the {'plugin' if plugin else 'gateway'} in state {state.value}"

    def ended(self, *, plugin: bool) -> bool:
        """Whether one half is complete."""
        return (self.plugin if plugin else self.gateway) in ENDED

    @property
    def finished(self) -> bool:
        """Both halves ended in order."""
        return self.gateway in ENDED and self.plugin in ENDED

    @property
    def settled(self) -> bool:
        """Finished, and nothing is left to write or to consume."""
        return self.finished and not self.outbox and (self.abandoned or not self.receive_window.held)

    @property
    def unheard_of(self) -> bool:
        """The peer does not know of it yet: its request was not written."""
        return bool(self.outbox) and isinstance(self.outbox[0], Request)

    @property
    def sendable(self) -> bool:
        """Something can be written now."""
        if not self.outbox:
            return False
        part = self.outbox[0]
        if not isinstance(part, (Body, Message)):
            return True
        length = len(part.data) - self.offset
        fits = self.send_window.fits(length)
        return fits > 0 or fits == length
