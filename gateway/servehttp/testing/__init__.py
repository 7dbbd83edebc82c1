"""The host's side for tests of plugins: a workspace for the plugin's API, and a gateway in a process.

pytest has them as the fixtures `fake_api` and `gateway`, see docs/testing.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servehttp.testing.gateway import Gateway, GatewayFailed, running_gateway
    from servehttp.testing.workspace import FakeAPI, fake_api

__all__ = ["FakeAPI", "Gateway", "GatewayFailed", "fake_api", "running_gateway"]

_HOMES = {
    "FakeAPI": "workspace",
    "Gateway": "gateway",
    "GatewayFailed": "gateway",
    "fake_api": "workspace",
    "running_gateway": "gateway",
}
"""Imported when they are asked for: pytest imports this package wherever it is installed, with its plugin."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
