"""The hooks about channels that other servers take part in."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.grpc import hooks_command_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import FileInfo, Post, RemoteCluster, SyncMsgJson, User
from mattermost_plugin.servicers.kinds import fallible, told_error
from mattermost_plugin.servicers.results import as_message, refusal_error, split
from mattermost_plugin.servicers.unary import Argument, UnaryHook

REMOTE = Argument("remote_cluster", RemoteCluster)


def _synced(request: pb.OnSharedChannelsSyncMsgRequest, result: Any) -> pb.OnSharedChannelsSyncMsgResponse:
    response, error = split(result)
    return pb.OnSharedChannelsSyncMsgResponse(
        error=refusal_error(HookName.OnSharedChannelsSyncMsg, error),
        response=pb.SyncResponse() if response is None else as_message(response, pb.SyncResponse),
    )


def _sync_failed(failure: Any) -> pb.OnSharedChannelsSyncMsgResponse:
    return pb.OnSharedChannelsSyncMsgResponse(error=told_error(HookName.OnSharedChannelsSyncMsg, failure))


HOOKS = (
    UnaryHook(
        HookName.OnSharedChannelsSyncMsg,
        (Argument("sync_msg", SyncMsgJson), REMOTE),
        answer=_synced,
        absent=lambda request: pb.OnSharedChannelsSyncMsgResponse(response=pb.SyncResponse()),
        failed=_sync_failed,
    ),
    UnaryHook(
        HookName.OnSharedChannelsPing,
        (REMOTE,),
        answer=lambda request, result: pb.OnSharedChannelsPingResponse(healthy=result is None or bool(result)),
        absent=lambda request: pb.OnSharedChannelsPingResponse(healthy=True),
        failed=lambda failure: pb.OnSharedChannelsPingResponse(healthy=False),
    ),
    fallible(
        HookName.OnSharedChannelsAttachmentSyncMsg,
        pb.OnSharedChannelsAttachmentSyncMsgResponse,
        Argument("file_info", FileInfo),
        Argument("post", Post),
        REMOTE,
    ),
    fallible(
        HookName.OnSharedChannelsProfileImageSyncMsg,
        pb.OnSharedChannelsProfileImageSyncMsgResponse,
        Argument("user", User),
        REMOTE,
    ),
)
