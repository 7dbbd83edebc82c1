"""Events of plugins, collections, audits and pushes: what the workspace makes of them."""

from __future__ import annotations

import pytest

from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.models import AuditRecord, PluginClusterEvent, PushNotification, WebsocketBroadcast
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.hooks import Refused
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, FakePlugin, a_user

pytestmark = pytest.mark.anyio


async def test_clients_see_an_event_under_its_plugins_name(ws: Workspace) -> None:
    events = ws.events.subscribe()
    ws.plugin_events.publish_to_clients("poll", "voted", {"n": 1}, WebsocketBroadcast(team_id="t"))
    event = await anext(events)
    assert (event.name, event.data, event.broadcast.team_id) == ("custom_poll_voted", {"n": 1}, "t")


async def test_an_event_for_other_nodes_reaches_nobody_where_there_is_one_node(ws: Workspace) -> None:
    plugin = FakePlugin({"OnPluginClusterEvent": pb.ReactionHasBeenAddedResponse()})
    ws.hooks.register("poll", plugin)
    ws.plugin_events.publish_to_cluster("poll", None, PluginClusterEvent("reload", b"x"), "reliable")
    await ws.hooks.settled()
    assert plugin.asked == []
    with pytest.raises(AppFailure):
        ws.plugin_events.publish_to_cluster("poll", None, PluginClusterEvent("", b"x"))


class TwoReplicas(FakePlugin):
    """A plugin whose other replica is another fake."""

    def __init__(self, hook: str) -> None:
        super().__init__({hook: pb.ReactionHasBeenAddedResponse()})
        self.other = FakePlugin(self.answers)

    def but(self, number: int | None) -> FakePlugin | None:
        return self.other if number == 1 else None


async def test_an_event_for_the_cluster_reaches_the_plugins_other_replicas(ws: Workspace) -> None:
    hook = "OnPluginClusterEvent"
    plugin = TwoReplicas(hook)
    ws.hooks.register("poll", plugin)
    ws.plugin_events.publish_to_cluster("poll", 1, PluginClusterEvent("reload", b"x"))
    ws.plugin_events.publish_to_cluster("poll", 1, PluginClusterEvent("far", b""), node_id="elsewhere")
    ws.plugin_events.publish_to_cluster("poll", 2, PluginClusterEvent("back", b""))
    ws.plugin_events.publish_to_cluster("other", 1, PluginClusterEvent("reload", b"x"))
    await ws.hooks.settled()
    assert [(name, asked.event.id) for name, asked in plugin.other.asked] == [(hook, "reload")]
    assert plugin.asked == []


async def test_a_kind_of_topic_is_in_one_collection_of_one_plugin(ws: Workspace) -> None:
    await ws.collection_types.register("poll", "polls", "votes")
    await ws.collection_types.register("poll", "polls", "votes")
    await ws.collection_types.register("poll", "polls", "answers")
    for plugin_id, collection, topic in (("other", "polls", "x"), ("poll", "y", "votes"), ("other", "y", "votes")):
        with pytest.raises(AppFailure):
            await ws.collection_types.register(plugin_id, collection, topic)
    assert await ws.collection_types.owner("votes") == ("poll", "polls")
    assert await ws.collection_types.owner("x") is None


async def test_audit_records_are_kept_the_latest_first(ws: Workspace, clock: Clock) -> None:
    first = await ws.audits.log(AuditRecord(event="createPost", status="success", user_id="a", meta={"n": [1]}))
    clock.advance(seconds=1)
    second = await ws.audits.log(AuditRecord(event="login", status="fail", user_id="b"), "audit-api")
    assert await ws.audits.find() == [second, first]
    assert await ws.audits.find("a") == [first]
    assert (first.level, second.level) == ("audit-cli", "audit-api")


async def test_plugins_see_a_push_notification_that_then_goes_nowhere(ws: Workspace) -> None:
    user = await a_user(ws)
    plugin = FakePlugin({"NotificationWillBePushed": pb.NotificationWillBePushedResponse()})
    ws.hooks.register("poll", plugin)
    with pytest.raises(AppFailure, match="SendPushNotification") as refused:
        await ws.pushes.send(PushNotification(message="hi"), user.id)
    assert (refused.value.status, [hook for hook, _ in plugin.asked]) == (501, ["NotificationWillBePushed"])
    plugin.answers["NotificationWillBePushed"] = pb.NotificationWillBePushedResponse(rejection_reason="quiet hours")
    with pytest.raises(Refused, match="quiet hours"):
        await ws.pushes.send(PushNotification(message="hi"), user.id)


async def test_a_workspace_remembers_when_it_was_made_and_its_id(ws: Workspace, clock: Clock) -> None:
    made, id = await ws.system_properties.install_date(), await ws.system_properties.diagnostic_id()
    clock.advance(seconds=60)
    await ws.system_properties.seed()
    assert (await ws.system_properties.install_date(), await ws.system_properties.diagnostic_id()) == (made, id)
    assert (made, len(id)) == (1_700_000_000_000, 26)
