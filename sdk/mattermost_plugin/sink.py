"""Parts of an exchange handed over in the turn in which they arrive, instead of to a task that awaits them.

To be derived from, all of them: calls to a class that is known are much faster, compiled, than those to a protocol.
"""

from __future__ import annotations

from collections.abc import Sequence

from mattermost_plugin.derived import mypyc_attr
from mattermost_plugin.exchange import Part, Request, Reset, ResetCode


class Sink:
    """Takes the parts of an exchange."""

    def take(self, part: Part) -> bool:
        """The peer's next part. False holds its credit back, until `SinkExchange.return_credit`."""
        raise NotImplementedError

    def flush(self) -> None:
        """No more parts are at hand."""
        raise NotImplementedError

    def written(self) -> None:
        """There is room for more, after `SinkExchange.post` said that there was none, or the exchange is over."""
        raise NotImplementedError

    def ended(self, reset: Reset) -> None:
        """Nothing more will come."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Carrier:
    """Carries the exchanges of one connection, and knows how many they are."""

    @property
    def in_flight(self) -> int:
        """How many exchanges are open."""
        raise NotImplementedError

    @property
    def opened(self) -> int:
        """How many exchanges were opened so far."""
        raise NotImplementedError

    @property
    def takes(self) -> bool:
        """Whether another exchange would be opened (gateway)."""
        raise NotImplementedError


class SinkExchange:
    """An exchange whose parts can be handed to a `Sink`, beside being awaited.

    Attributes:
        request: what opened it.
    """

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request

    def is_on(self, carrier: Carrier) -> bool:
        """Whether it is one of this connection's."""
        raise NotImplementedError

    async def receive(self) -> Part:
        """As `Exchange` has it."""
        raise NotImplementedError

    async def send(self, *parts: Part) -> None:
        """As `Exchange` has it."""
        raise NotImplementedError

    def subscribe(self, sink: Sink) -> None:
        """Hand every part to `sink`; before the first one has come, and never together with `receive`."""
        raise NotImplementedError

    def unsubscribe(self) -> None:
        """Hand on nothing more, and hold nothing back: sink and exchange let go of each other."""
        raise NotImplementedError

    def post(self, *parts: Part) -> bool:
        """Queue parts without waiting; True where nothing should follow until the sink's `written`."""
        raise NotImplementedError

    def post_all(self, parts: Sequence[Part]) -> bool:
        """As `post`."""
        return self.post(*parts)

    def return_credit(self) -> None:
        """Return the credit of what the sink has held."""
        raise NotImplementedError

    def reset(self, code: ResetCode, reason: str = "") -> None:
        """As `Exchange` has it."""
        raise NotImplementedError
