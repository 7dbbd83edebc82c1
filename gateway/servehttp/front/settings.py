"""What the front needs to know beside its plugins."""

from __future__ import annotations

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
        server_timing: whether responses say what took how long.
        live_run: names this run of the gateway where pages reload themselves; empty where they do not.
    """

    limits: ForwardLimits
    max_exchanges: int
    trusted: TrustedProxies
    access_log: bool
    cookies: CookieScopes = field(default_factory=CookieScopes)
    live_run: str = ""
    server_timing: bool = False
