"""Exchanges as ASGI cycles: whatever carried a request, the application sees ASGI 3.0."""

from mattermost_plugin.asgi.adapter import ASGIAdapter
from mattermost_plugin.asgi.lifespan import Lifespan, LifespanError
from mattermost_plugin.asgi.prefix import strip_prefix

__all__ = ["ASGIAdapter", "Lifespan", "LifespanError", "strip_prefix"]
