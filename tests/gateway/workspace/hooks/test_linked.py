"""A running plugin of the SDK, asked through the gateway's link as the workspace does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.models import PluginContext as Context
from mattermost_plugin.models import Post, User
from servehttp.plugins.link import Link
from servehttp.workspace.hooks import Hooks, Refused
from support.call_ways import WAYS, going
from support.patience import PATIENCE
from support.plugin_host import serving

pytestmark = pytest.mark.anyio

TIMEOUT = PATIENCE


class Moderator(Plugin):
    seen: list[str]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.seen = []

    @hook(HookName.MessageWillBePosted)
    async def check(self, context: Context, post: Post) -> tuple[Post | None, str]:
        if "spam" in post.message:
            return None, "no spam"
        return Post(id=post.id, message=post.message.upper(), props=post.props), ""

    @hook(HookName.MessageHasBeenPosted)
    async def note(self, context: Context, post: Post) -> None:
        self.seen.append(post.message)

    @hook(HookName.UserWillLogIn)
    async def fails(self, context: Context, user: User) -> str:
        raise RuntimeError("a bug")


@pytest.fixture(params=WAYS)
async def link(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Link, Moderator]]:
    plugin = Moderator()
    async with serving(plugin, address=Handshake("unix", str(tmp_path / "s"))) as (server, _):
        with going(request.param):
            link = await Link.connect(server.address.target, timeout=TIMEOUT)
        yield link, plugin
        await link.close()


@pytest.fixture
async def hooks(link: tuple[Link, Moderator]) -> AsyncIterator[Hooks]:
    hooks = Hooks(timeout=TIMEOUT, queue=10, concurrency=2)
    hooks.register("moderator", link[0])
    yield hooks
    await hooks.close()


async def test_a_plugin_changes_a_post_and_keeps_what_it_does_not_know(hooks: Hooks) -> None:
    changed = await hooks.message_will_be_posted(Context(), Post(id="p", message="hello", props={"n": 2**53}))
    assert changed == Post(id="p", message="HELLO", props={"n": 2**53})


async def test_a_plugin_refuses_a_post_with_its_reason(hooks: Hooks) -> None:
    with pytest.raises(Refused) as refused:
        await hooks.message_will_be_posted(Context(), Post(message="spam"))
    assert refused.value.reason == "no spam"


async def test_a_plugin_with_a_bug_lets_nobody_in(hooks: Hooks) -> None:
    with pytest.raises(Refused):
        await hooks.user_will_log_in(Context(), User(id="u"))


async def test_a_plugin_is_notified(hooks: Hooks, link: tuple[Link, Moderator]) -> None:
    hooks.notify("MessageHasBeenPosted", post=Post(message="hello"))
    await hooks.settled()
    assert link[1].seen == ["hello"]


async def test_a_plugin_that_has_gone_lets_nothing_pass(hooks: Hooks, link: tuple[Link, Moderator]) -> None:
    await link[0].close()
    with pytest.raises(Refused) as refused:
        await hooks.message_will_be_posted(Context(), Post(message="hello"))
    assert refused.value.reason == "Plugin moderator could not check this."
