"""How the front learns at once that a client has gone.

ASGI tells an application so only when it receives. While a plugin does not read, the front must not receive either, or
the body would pile up; so the gateway's own HTTP server puts a `DisconnectSignal` into the scope's extensions.
"""

from __future__ import annotations

from collections.abc import Callable

from mattermost_plugin.types import Scope

EXTENSION = "servehttp.disconnect_signal"


class DisconnectSignal:
    """Calls back once when the client of one request goes away."""

    __slots__ = ("_callback", "_gone")

    def __init__(self) -> None:
        self._gone = False
        self._callback: Callable[[], None] | None = None

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client goes, at once if it has gone."""
        self._callback = callback
        if self._gone:
            callback()

    def unsubscribe(self) -> None:
        """Call nobody any more: the request is over, and what it was made of is freed without the collector."""
        self._callback = None

    def client_disconnected(self) -> None:
        """The client has gone (for the server)."""
        if not self._gone:
            self._gone = True
            if self._callback is not None:
                self._callback()


def disconnect_signal_of(scope: Scope) -> DisconnectSignal | None:
    """The signal in a scope, if its server offers one."""
    signal = (scope.get("extensions") or {}).get(EXTENSION)
    return signal if isinstance(signal, DisconnectSignal) else None
