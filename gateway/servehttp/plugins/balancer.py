"""Which of a plugin's endpoints a request goes to: the one with the fewest open, and equals have turns.

An endpoint is a place where the plugin runs, with a connection to it or without one. What is there, a process of ours
or something on another machine, how it comes up and how it is lost, is not known here. To look costs nothing but time
that grows with the number of endpoints; nothing is remembered of requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mattermost_plugin.exchange import Exchange
from mattermost_plugin.sink import Carrier, SinkExchange

if TYPE_CHECKING:  # the connection's module loads gRPC
    from servehttp.plugins.link import Link


class Endpoint:
    """One place where a plugin runs.

    Attributes:
        link: the connection that something new may begin on; None while nothing may.
    """

    def __init__(self) -> None:
        self.link: Link | None = None
        self._carrier: Carrier | None = None  # compiled, so that a look calls nothing that is not
        self._calls = 0
        self._called = 0

    def use(self, link: Link | None) -> None:
        """Have what is new begin on this connection, or nothing begin here; what is open stays where it is."""
        self.link = link
        self._carrier = link.carrier if link is not None else None

    @property
    def takes(self) -> bool:
        """Whether something new would begin here."""
        return self._carrier is not None and self._carrier.takes

    @property
    def load(self) -> int:
        """How much is open here: exchanges, and calls that were told of."""
        return (0 if self._carrier is None else self._carrier.in_flight) + self._calls

    @property
    def begun(self) -> int:
        """How much has begun here, on this connection and as calls."""
        return (0 if self._carrier is None else self._carrier.opened) + self._called

    def carries(self, exchange: Exchange) -> bool:
        """Whether this exchange is one of the present connection's."""
        carrier = self._carrier
        return carrier is not None and isinstance(exchange, SinkExchange) and exchange.is_on(carrier)

    def begin_call(self) -> None:
        """Tell of a call that is no exchange."""
        self._calls += 1
        self._called += 1

    def end_call(self) -> None:
        """Tell that one of these has ended."""
        self._calls -= 1


class Balancer:
    """Chooses among endpoints, which may come and go."""

    def __init__(self) -> None:
        self._endpoints: list[Endpoint] = []
        self._last = 0
        self._begun = 0

    def add(self, endpoint: Endpoint) -> None:
        """Choose among one more."""
        self._endpoints.append(endpoint)

    def remove(self, endpoint: Endpoint) -> None:
        """Choose it no more."""
        self._endpoints.remove(endpoint)

    def choose(self, refused: Sequence[Exchange] = ()) -> Endpoint | None:
        """The endpoint with the fewest open of those that take more; None if none does.

        Of equals it is the next one after that on which something has begun last. Who only looks, and begins nothing,
        takes nobody's turn.

        Args:
            refused: exchanges of the request, which their endpoints refused; it goes to none of these again.
        """
        endpoints = self._endpoints
        count, place = len(endpoints), self._first()
        chosen: Endpoint | None = None
        least = 0
        for _ in range(count):
            endpoint = endpoints[place]
            if endpoint.takes and not (refused and _is_refused_by(endpoint, refused)):
                load = endpoint.load
                if chosen is None or load < least:
                    chosen, least, self._last = endpoint, load, place
            place = place + 1 if place + 1 < count else 0
        if chosen is not None:
            self._begun = chosen.begun
        return chosen

    def _first(self) -> int:
        """Where the next look begins."""
        count = len(self._endpoints)
        if self._last >= count:
            return 0
        if self._endpoints[self._last].begun == self._begun:
            return self._last
        return (self._last + 1) % count


def _is_refused_by(endpoint: Endpoint, refused: Sequence[Exchange]) -> bool:
    for exchange in refused:  # noqa: SIM110  # compiled, a loop is faster
        if endpoint.carries(exchange):
            return True
    return False
