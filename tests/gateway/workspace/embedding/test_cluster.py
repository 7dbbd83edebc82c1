"""What one gateway's workspace does is told to another's, over a bus in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mattermost_plugin.grpc import hooks_command_pb2 as command_pb
from mattermost_plugin.grpc import hooks_lifecycle_pb2 as pb
from mattermost_plugin.models import Command, PluginClusterEvent, Post, Session, WebsocketBroadcast
from servehttp.workspace.bus.bus import Message
from servehttp.workspace.bus.memory import MemoryBus, MemoryHub
from servehttp.workspace.embedding.cluster import Cluster
from servehttp.workspace.embedding.session_identity import SessionIdentity
from servehttp.workspace.events import Event, Lagging
from servehttp.workspace.rest.event_json import event_json
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import Workspace, open_workspace
from support.patience import PATIENCE
from support.supervision import until
from support.workspaces import FakePlugin, a_channel, a_user

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.one"


@dataclass
class Plugins:
    """A gateway's plugins, as far as others can change them."""

    followed: list[tuple[str, bool]] = field(default_factory=list)

    def follow(self, plugin_id: str, *, enabled: bool) -> None:
        self.followed.append((plugin_id, enabled))


@dataclass
class Node:
    """A gateway."""

    workspace: Workspace
    bus: MemoryBus
    plugins: Plugins
    cluster: Cluster


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[list[Node]]:
    """Two, whose databases are two as well: what one shows of the other was told to it."""
    hub = MemoryHub()
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        found = []
        for name in ("one", "two"):
            workspace = await stack.enter_async_context(open_workspace(tmp_path / name, WorkspaceSettings()))
            bus, plugins = hub.bus(), Plugins()
            node = Node(workspace, bus, plugins, Cluster(workspace, bus, plugins))
            await node.cluster.open()
            stack.push_async_callback(node.cluster.close)
            found.append(node)
        yield found


async def test_an_event_is_told_to_the_clients_of_every_gateway_in_the_same_words(nodes: list[Node]) -> None:
    one, two = nodes
    here, there = one.workspace.events.subscribe(), two.workspace.events.subscribe()
    user = await a_user(one.workspace)
    channel = await a_channel(one.workspace, user)
    await one.workspace.posts.create(Post(channel_id=channel.id, user_id=user.id, message="hello"))
    own: list[Event] = []
    while not own or own[-1].name != "posted":
        own.append(await anext(here))
    told = [await anext(there) for _ in own]
    assert [event_json(event, 1) for event in told] == [event_json(event, 1) for event in own]
    assert json.loads(told[-1].data["post"])["message"] == "hello"
    assert there.waiting == 0


async def test_what_is_not_committed_is_told_to_nobody(nodes: list[Node]) -> None:
    one, two = nodes
    there = two.workspace.events.subscribe()
    with pytest.raises(RuntimeError):
        async with one.workspace.database.transaction():
            one.workspace.plugin_events.publish_to_clients(PLUGIN, "never", {}, WebsocketBroadcast())
            raise RuntimeError
    one.workspace.plugin_events.publish_to_clients(PLUGIN, "now", {}, WebsocketBroadcast())
    assert (await anext(there)).name == f"custom_{PLUGIN}_now"


async def test_a_session_that_ends_at_one_gateway_is_forgotten_by_the_other_at_once(nodes: list[Node]) -> None:
    one, two = nodes
    user = await a_user(two.workspace)
    session = await two.workspace.sessions.create(Session(user_id=user.id))
    identity = SessionIdentity(lambda: two.workspace, lifetime=PATIENCE)
    two.workspace.sessions.listen(identity.forget)
    assert await identity.lookup(session.token) is not None
    assert identity.cached(session.token) is not None
    one.workspace.sessions.tell(user.id)
    await until(lambda: not getattr(identity.cached(session.token), "user_id", ""))


async def test_a_plugin_that_is_enabled_or_disabled_is_so_at_every_gateway(nodes: list[Node]) -> None:
    one, two = nodes
    await one.workspace.plugin_records.set_enabled(PLUGIN, False)
    await one.workspace.plugin_records.set_enabled(PLUGIN, True)
    await until(lambda: two.plugins.followed == [(PLUGIN, False), (PLUGIN, True)])
    assert one.plugins.followed == []


@pytest.mark.parametrize("send_type", ["", "reliable", "best_effort"])
async def test_what_a_plugin_says_to_itself_is_heard_at_other_gateways_alone(nodes: list[Node], send_type: str) -> None:
    one, two = nodes
    hook = "OnPluginClusterEvent"
    here, there = (FakePlugin({hook: command_pb.OnPluginClusterEventResponse()}) for _ in range(2))
    one.workspace.hooks.register(PLUGIN, here)
    two.workspace.hooks.register(PLUGIN, there)
    said = PluginClusterEvent(id="reload", data=b"\x00\xff")
    publish = one.workspace.plugin_events.publish_to_cluster
    publish(PLUGIN, None, said, send_type, node_id="nobody")
    publish(PLUGIN, None, said, send_type, node_id=two.bus.node)
    publish(PLUGIN, None, said, send_type)
    await until(lambda: len(there.asked) == 2)
    assert {(name, request.event.id, request.event.data) for name, request in there.asked} == {
        (hook, "reload", b"\x00\xff")
    }
    assert here.asked == []


async def test_a_command_of_a_plugin_that_all_use_is_offered_at_each_and_that_of_an_own_process_is_not(
    nodes: list[Node],
) -> None:
    one, two = nodes
    command = Command(trigger="Todo", auto_complete=True, auto_complete_hint="[text]")
    one.workspace.commands.register("com.example.own", Command(trigger="own"))
    one.workspace.commands.register(PLUGIN, command, everywhere=True)
    await until(lambda: len(two.workspace.commands.of_plugins("")) > 0)
    [offered] = two.workspace.commands.of_plugins("")
    assert offered == one.workspace.commands.of_plugins("")[1]
    assert (offered.plugin_id, offered.trigger, offered.auto_complete_hint) == (PLUGIN, "todo", "[text]")
    one.workspace.commands.unregister("com.example.own", "", "own")
    one.workspace.commands.unregister(PLUGIN, "", "todo", everywhere=True)
    await until(lambda: not two.workspace.commands.of_plugins(""))


async def test_plugins_at_every_gateway_are_told_that_their_settings_may_be_others(nodes: list[Node]) -> None:
    one, two = nodes
    plugin = FakePlugin({"OnConfigurationChange": pb.OnConfigurationChangeResponse()})
    two.workspace.hooks.register(PLUGIN, plugin)
    await one.workspace.config.save_plugin_settings("com.example.other", {"a": 1})
    await until(lambda: len(plugin.asked) == 1)


async def test_after_a_loss_clients_begin_anew_and_nobody_is_known_from_before(nodes: list[Node]) -> None:
    _, two = nodes
    changed: list[str] = []
    two.workspace.sessions.listen(changed.append)
    waiting = two.workspace.events.subscribe()
    next_one = asyncio.ensure_future(anext(waiting))
    await asyncio.sleep(0)
    two.cluster._lost()
    with pytest.raises(Lagging):
        await next_one
    assert changed == [""]


@pytest.mark.parametrize(
    ("kind", "body"), [("of a later release", "1"), ("event", "not JSON"), ("event", "[1]"), ("sessions", "[[]]")]
)
async def test_what_cannot_be_understood_ends_nothing(nodes: list[Node], kind: str, body: str) -> None:
    one, two = nodes
    there = two.workspace.events.subscribe()
    one.bus.publish(Message(kind, body))
    one.workspace.events.publish(Event("after"))
    assert (await anext(there)).name == "after"
