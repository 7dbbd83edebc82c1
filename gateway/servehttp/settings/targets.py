"""Where a plugin listens that is attached, and whether it is connected to by TLS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mattermost_plugin.targets import Target, parse_target

TLS: Final = "tls:"
PLAINTEXT: Final = "plaintext:"
"""What stands before HOST:PORT: the second says that another machine shall be connected to without TLS."""


@dataclass(frozen=True)
class PluginTarget:
    """Where a plugin listens, and how it is connected to."""

    place: Target
    tls: bool = False


def read_target(text: str) -> PluginTarget:
    """Read `unix:PATH`, `HOST:PORT`, `tls:HOST:PORT` or `plaintext:HOST:PORT`.

    Raises:
        ValueError: it is none of these, or another machine would be connected to without TLS.
    """
    scheme = next((scheme for scheme in (TLS, PLAINTEXT) if text.startswith(scheme)), "")
    try:
        place = parse_target(text.removeprefix(scheme))
    except ValueError:
        place = Target()
    if (scheme and place.path) or not (place.path or place.port):
        raise ValueError(f"{text!r} is neither unix:PATH nor HOST:PORT nor tls:HOST:PORT")
    if not scheme and not place.is_local:
        raise ValueError(
            f"{text!r} is on another machine, and would be connected to without TLS: write tls:{text}, or"
            f" plaintext:{text} to have it so"
        )
    return PluginTarget(place, tls=scheme == TLS)
