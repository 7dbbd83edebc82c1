"""Hooks that are fired by calls: data retention, telemetry, limits, and what plugins add to support packets."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from mattermost_plugin.grpc import common_pb2, file_pb2
from mattermost_plugin.grpc import hooks_command_pb2 as command_pb
from mattermost_plugin.grpc import hooks_lifecycle_pb2 as pb
from mattermost_plugin.models import MessagesLimits, PluginClusterEvent, ProductLimits
from servehttp.workspace.workspace import Workspace
from support.supervision import until
from support.workspaces import Clock, FakePlugin

pytestmark = pytest.mark.anyio

RETENTION, SUPPORT = "RunDataRetention", "GenerateSupportData"
FAILURE = common_pb2.AppError(id="x", message="the disk is full")


def raising(request: object) -> pb.RunDataRetentionResponse:
    raise RuntimeError("a bug")


async def test_every_plugin_deletes_a_batch_and_one_that_fails_has_deleted_none(ws: Workspace, clock: Clock) -> None:
    good = FakePlugin({RETENTION: pb.RunDataRetentionResponse(deleted_count=3)})
    ws.hooks.register("good", good)
    ws.hooks.register("full", FakePlugin({RETENTION: pb.RunDataRetentionResponse(error=FAILURE)}))
    ws.hooks.register("broken", FakePlugin({RETENTION: raising}))
    assert await ws.maintenance.run_data_retention(batch_size=10) == {"broken": 0, "full": 0, "good": 3}
    assert good.asked == [(RETENTION, pb.RunDataRetentionRequest(now_time=clock(), batch_size=10))]


async def test_telemetry_and_limits_are_told_to_those_who_listen(ws: Workspace) -> None:
    plugin = FakePlugin({
        "OnSendDailyTelemetry": pb.OnSendDailyTelemetryResponse(),
        "OnCloudLimitsUpdated": pb.OnCloudLimitsUpdatedResponse(),
    })  # fmt: skip
    ws.hooks.register("a", plugin)
    limits = ProductLimits(messages=MessagesLimits(history=9))
    ws.maintenance.send_daily_telemetry()
    ws.maintenance.announce_cloud_limits(limits)
    await ws.hooks.settled()
    assert sorted(name for name, _ in plugin.asked) == ["OnCloudLimitsUpdated", "OnSendDailyTelemetry"]
    assert pb.OnCloudLimitsUpdatedRequest(limits=limits.to_proto()) in [request for _, request in plugin.asked]


async def test_a_support_packet_has_the_configuration_and_the_plugins_files_and_says_what_is_missing(
    ws: Workspace,
) -> None:
    files = [file_pb2.FileData(filename="../../up.txt", data=b"up"), file_pb2.FileData(filename="", data=b"?")]
    ws.hooks.register("a", FakePlugin({SUPPORT: command_pb.GenerateSupportDataResponse(files=files)}))
    ws.hooks.register("b", FakePlugin({SUPPORT: command_pb.GenerateSupportDataResponse(error=FAILURE)}))
    ws.hooks.register("c", FakePlugin({SUPPORT: raising}))
    with zipfile.ZipFile(io.BytesIO(await ws.support.packet())) as packet:
        names = sorted(packet.namelist())
        assert names == ["a/unnamed", "a/up.txt", "sanitized_config.json", "warning.txt"]
        assert packet.read("a/up.txt") == b"up"
        assert json.loads(packet.read("sanitized_config.json")) == await ws.config.sanitized(ws.plugins.is_secret)
        warnings = packet.read("warning.txt").decode().splitlines()
    assert warnings == ["plugin b: the disk is full", "GenerateSupportData of plugin c: a bug"]


async def test_an_event_from_another_node_reaches_its_own_plugin_alone(ws: Workspace) -> None:
    hook = "OnPluginClusterEvent"
    own, other = (FakePlugin({hook: command_pb.OnPluginClusterEventResponse()}) for _ in range(2))
    ws.hooks.register("own", own)
    ws.hooks.register("other", other)
    ws.hooks.register("broken", FakePlugin({hook: raising}))
    for plugin_id in ("own", "broken", "nobody"):
        ws.plugin_events.receive_from_cluster(plugin_id, PluginClusterEvent(id="reload", data=b"now"))
    await until(lambda: bool(own.asked))
    assert [request.event.data for _, request in own.asked] == [b"now"]
    assert other.asked == []
