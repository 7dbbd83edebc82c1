"""Hooks that the gateway calls through its link, on a stream of calls and by gRPC: the same comes of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.grpc.hooks_message_pb2 import MessageWillBePostedRequest
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.http2.messages import MAX_LITTLE
from mattermost_plugin.models import PluginContext, Post
from mattermost_plugin.server import PluginServer
from servehttp.errors import LinkError
from servehttp.plugins.link import Link
from support.call_ways import WAYS, going
from support.loops import one_module_loop
from support.patience import PATIENCE
from support.plugin_host import serving

__all__ = ["one_module_loop"]

pytestmark = pytest.mark.anyio

NAME = "MessageWillBePosted"
TIMEOUT = PATIENCE


class Slow(Plugin):
    """Waits with posts that say so."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.sizes: list[int] = []

    @hook(HookName.MessageWillBePosted)
    async def look(self, context: PluginContext, post: Post) -> tuple[None, str]:
        self.sizes.append(len(post.message))
        if post.message == "wait":
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.set()
        return None, post.message[:10]


@dataclass
class Linked:
    link: Link
    plugin: Slow
    server: PluginServer
    target: str

    async def ask(self, message: str, timeout: float = TIMEOUT) -> Any:
        request = MessageWillBePostedRequest()
        request.post.message = message
        answer: Any = await self.link.call(NAME, request, timeout)
        return answer.rejection_reason


@pytest.fixture(params=WAYS)
async def linked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Linked]:
    plugin = Slow()
    async with serving(plugin, address=Handshake("unix", str(tmp_path / "s"))) as (server, _):
        with going(request.param):
            link = await Link.connect(server.address.target, timeout=TIMEOUT)
        yield Linked(link, plugin, server, server.address.target)
        await link.close()


async def test_a_hook_is_answered(linked: Linked) -> None:
    assert await linked.ask("no") == "no"


async def test_many_hooks_at_once_have_each_their_own_answer(linked: Linked) -> None:
    messages = [str(number) for number in range(300)]
    assert await asyncio.gather(*map(linked.ask, messages)) == messages


@pytest.mark.parametrize("size", [0, 60_000, 70_000, 5_000_000])
async def test_a_request_may_have_any_size(linked: Linked, size: int) -> None:
    await linked.ask("x" * size)
    assert linked.plugin.sizes == [size]


async def test_a_plugin_that_takes_too_long_is_cut_off_within_the_deadline(linked: Linked) -> None:
    assert await linked.ask("wait", timeout=0.5) != ""  # by itself: it answers before its host gives up
    await linked.plugin.ended.wait()


async def test_no_answer_in_time_is_an_error_that_names_the_hook(linked: Linked) -> None:
    with pytest.raises(LinkError, match="MessageWillBePosted: DEADLINE_EXCEEDED: Deadline Exceeded"):
        await linked.ask("wait", timeout=-1.0)


async def test_a_hook_is_cancelled_with_its_caller(linked: Linked) -> None:
    call = asyncio.create_task(linked.ask("wait"))
    await linked.plugin.begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await linked.plugin.ended.wait()


async def test_a_connection_takes_any_number_of_calls_with_empty_answers(linked: Linked) -> None:
    for _ in range(MAX_LITTLE + 1):
        assert await linked.ask("") == ""


async def test_a_link_that_is_closed_fails_its_hooks(linked: Linked) -> None:
    call = asyncio.create_task(linked.ask("wait"))
    await linked.plugin.begun.wait()
    await linked.link.close()
    with pytest.raises(LinkError, match=r"MessageWillBePosted: .*the connection was closed"):
        await call


async def test_a_plugin_that_stops_fails_the_hooks_that_it_did_not_finish(linked: Linked) -> None:
    call = asyncio.create_task(linked.ask("wait"))
    await linked.plugin.begun.wait()
    await linked.server.stop(0)
    with pytest.raises(LinkError, match="MessageWillBePosted: "):
        await call
    with pytest.raises(LinkError, match="MessageWillBePosted: UNAVAILABLE: "):
        await linked.ask("no")
