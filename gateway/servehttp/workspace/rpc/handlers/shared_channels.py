"""Shared channels, in which the calling plugin is a remote."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import SharedChannel
from servehttp.workspace.domains.sharing.shared_channels import Cursor
from servehttp.workspace.rpc.call import ApiCall


async def register_plugin_for_shared_channels(call: ApiCall, request: pb.RegisterPluginForSharedChannelsRequest) -> str:
    return await call.workspace.remotes.register(call.plugin_id, request.opts.display_name)


async def unregister_plugin_for_shared_channels(
    call: ApiCall, request: pb.UnregisterPluginForSharedChannelsRequest
) -> None:
    await call.workspace.remotes.unregister(call.plugin_id)


async def share_channel(call: ApiCall, request: pb.ShareChannelRequest) -> SharedChannel:
    return await call.workspace.shared_channels.share(SharedChannel.from_proto(request.shared_channel))


async def update_shared_channel(call: ApiCall, request: pb.UpdateSharedChannelRequest) -> SharedChannel:
    return await call.workspace.shared_channels.update(SharedChannel.from_proto(request.shared_channel))


async def unshare_channel(call: ApiCall, request: pb.UnshareChannelRequest) -> bool:
    return await call.workspace.shared_channels.unshare(request.channel_id)


async def update_shared_channel_cursor(call: ApiCall, request: pb.UpdateSharedChannelCursorRequest) -> None:
    cursor = Cursor(request.cursor.last_post_update_at, request.cursor.last_post_id)
    await call.workspace.shared_channels.set_cursor(request.channel_id, request.remote_id, cursor)


async def sync_shared_channel(call: ApiCall, request: pb.SyncSharedChannelRequest) -> None:
    await call.workspace.channel_sync.sync(request.channel_id)


async def invite_remote_to_channel(call: ApiCall, request: pb.InviteRemoteToChannelRequest) -> None:
    await call.workspace.shared_channels.invite(
        request.channel_id, request.remote_id, request.user_id, share=request.share_if_not_shared
    )


async def uninvite_remote_from_channel(call: ApiCall, request: pb.UninviteRemoteFromChannelRequest) -> None:
    await call.workspace.shared_channels.uninvite(request.channel_id, request.remote_id)
