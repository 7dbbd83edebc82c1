"""What the front needs to know beside its plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from servehttp.front.cookies import CookieScopes
from servehttp.front.peers import TrustedProxies


@dataclass(frozen=True, slots=True)
class ForwardLimits:
    """What one exchange may take; times in seconds, sizes in bytes, 0 for no limit."""

    first_byte_timeout: float
    idle_timeout: float
    max_body_size: int

    def exceeded_by(self, size: int) -> bool:
        """Whether a request's body of `size` bytes is too large."""
        return 0 < self.max_body_size < size


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """Limits, trust, what is logged, and whether pages are live.

    Attributes:
        limits: those of plugins that have none of their own.
        max_exchanges: the same.
        server_timing: whether responses say what took how long.
        live_run: names this run of the gateway where pages reload themselves; empty where they do not.
        own_limits: those that plugins have, by their ids.
        own_max_exchanges: the same.
    """

    limits: ForwardLimits
    max_exchanges: int
    trusted: TrustedProxies
    access_log: bool
    cookies: CookieScopes = field(default_factory=CookieScopes)
    live_run: str = ""
    server_timing: bool = False
    own_limits: Mapping[str, ForwardLimits] = field(default_factory=dict)
    own_max_exchanges: Mapping[str, int] = field(default_factory=dict)

    def limits_of(self, plugin_id: str) -> ForwardLimits:
        """What one exchange with a plugin may take."""
        return self.own_limits.get(plugin_id, self.limits)

    def max_exchanges_of(self, plugin_id: str) -> int:
        """How many exchanges with a plugin may be open."""
        return self.own_max_exchanges.get(plugin_id, self.max_exchanges)
