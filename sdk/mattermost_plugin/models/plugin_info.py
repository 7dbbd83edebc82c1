"""A plugin's manifest as a dict, which the reference has; no rpc carries it. `Manifest` is what `get_plugins` gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What a plugin's manifest says."""

    manifest: dict[str, Any] = field(default_factory=dict)
