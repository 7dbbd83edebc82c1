"""A link's calls to a plugin that is not there."""

from __future__ import annotations

from mattermost_plugin.http2.channel import ClientChannel
from mattermost_plugin.http2.client import ClientConnection
from mattermost_plugin.http2.limits import Limits
from servehttp.errors import LinkError
from servehttp.plugins.hook_calls import HookCalls


def unconnected() -> HookCalls:
    """Calls that nobody answers."""
    return HookCalls(_refuse, ClientChannel(ClientConnection(Limits())))


async def _refuse() -> ClientChannel:
    raise LinkError("there is no plugin")
