"""A plugin from its activation to its deactivation, as a host drives it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.grpc import post_pb2
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import ImplementedRequest
from mattermost_plugin.grpc.hooks_message_pb2 import MessageWillBePostedRequest, MessageWillBePostedResponse
from mattermost_plugin.models import PluginContext, Post
from support.hooks import ask
from support.plugin_host import Host, serving

pytestmark = pytest.mark.anyio


class Moderator(Plugin):
    """Refuses a word, and writes another one large."""

    def __init__(self) -> None:
        self.refused = ""
        self.seen: list[str] = []

    @hook(HookName.OnConfigurationChange)
    async def configure(self) -> None:
        self.refused = "spam"

    @hook(HookName.OnActivate)
    def activate(self) -> str:
        return "" if self.refused else "not configured"

    @hook(HookName.MessageWillBePosted)
    async def check(self, context: PluginContext, post: Post) -> tuple[Post | None, str]:
        if self.refused in post.message:
            return None, "Spam detected"
        return replace(post, message=post.message.replace("loud", "LOUD")), ""

    @hook(HookName.MessageHasBeenPosted)
    def note(self, context: PluginContext, post: Post) -> None:
        self.seen.append(post.message)


async def post(host: Host, message: str) -> MessageWillBePostedResponse:
    request = MessageWillBePostedRequest(post=post_pb2.Post(id="p", message=message))
    response: MessageWillBePostedResponse = await ask(host, "MessageWillBePosted", request)
    return response


async def test_a_plugin_is_activated_configured_and_filters_messages() -> None:
    plugin = Moderator()
    async with serving(plugin) as (_, host):
        names = (await host.hooks.Implemented(ImplementedRequest())).hooks
        assert list(names) == ["MessageHasBeenPosted", "MessageWillBePosted", "OnActivate", "OnConfigurationChange"]
        assert (await ask(host, "OnActivate")).error.message == "not configured"
        await ask(host, "OnConfigurationChange")
        assert not (await ask(host, "OnActivate")).HasField("error")
        assert (await post(host, "hello")).ByteSize() == 0
        assert (await post(host, "buy spam")).rejection_reason == "Spam detected"
        assert (await post(host, "be loud")).modified_post == post_pb2.Post(id="p", message="be LOUD")
        assert (await ask(host, "MessageHasBeenPosted")).ByteSize() == 0
        assert plugin.seen == ["message 1"]
        assert not (await ask(host, "OnDeactivate")).HasField("error")
