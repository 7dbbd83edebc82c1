"""What of the settings can change while the gateway runs, and what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.sources import every_setting

FIXED_LIMITS: Final = frozenset(
    ("limits.websocket_max_message", "limits.websocket_held", "limits.websocket_held_client")
)
"""Those that were told to plugins when they started, or are counted against."""

CHANGEABLE: Final = frozenset(
    (
        "log.level",
        "log.access",
        "server.forwarded_allow_ips",
        "server.max_connections",
        "server.drain_timeout",
        "plugins.limits",
        "plugins.start_timeout",
        "plugins.start_timeouts",
        "plugins.connect_timeout",
        "plugins.health_interval",
        "plugins.health_timeout",
        "plugins.health_failures",
        "plugins.drain_timeout",
        "plugins.stop_timeout",
        *(
            name
            for name, _ in every_setting(GatewaySettings)
            if name.startswith("limits.") and name not in FIXED_LIMITS
        ),
    )
)
"""Their dotted names."""


@dataclass(frozen=True)
class Changes:
    """Settings that were read again.

    Attributes:
        settings: what holds now: what can change as it was read, everything else as before.
        changed: the names of the settings that have changed.
        fixed: of those that were read with another value, and cannot change.
    """

    settings: GatewaySettings
    changed: tuple[str, ...]
    fixed: tuple[str, ...]


def changes(before: GatewaySettings, read: GatewaySettings) -> Changes:
    """What becomes of the settings before when others were read."""
    differing = [name for name, _ in every_setting(type(before)) if _value(before, name) != _value(read, name)]
    changed = tuple(name for name in differing if name in CHANGEABLE)
    return Changes(
        _updated(before, read, changed), changed, tuple(name for name in differing if name not in CHANGEABLE)
    )


def _updated(before: GatewaySettings, read: GatewaySettings, names: tuple[str, ...]) -> GatewaySettings:
    groups: dict[str, dict[str, Any]] = {}
    for name in names:
        group, _, field = name.partition(".")
        groups.setdefault(group, {})[field] = _value(read, name)
    updates: Mapping[str, BaseModel] = {
        group: getattr(before, group).model_copy(update=values) for group, values in groups.items()
    }
    return before.model_copy(update=updates)


def _value(settings: BaseModel, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value
