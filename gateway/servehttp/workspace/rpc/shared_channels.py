"""Shared channels, in which the calling plugin is a remote."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import SharedChannel
from servehttp.workspace.domains.sharing.shared_channels import Cursor
from servehttp.workspace.rpc.call import Call


async def register_plugin_for_shared_channels(
    call: Call, request: pb.RegisterPluginForSharedChannelsRequest
) -> pb.RegisterPluginForSharedChannelsResponse:
    remote_id = await call.ws.remotes.register(call.plugin_id, request.opts.display_name)
    return pb.RegisterPluginForSharedChannelsResponse(remote_id=remote_id)


async def unregister_plugin_for_shared_channels(
    call: Call, request: pb.UnregisterPluginForSharedChannelsRequest
) -> pb.UnregisterPluginForSharedChannelsResponse:
    await call.ws.remotes.unregister(call.plugin_id)
    return pb.UnregisterPluginForSharedChannelsResponse()


async def share_channel(call: Call, request: pb.ShareChannelRequest) -> pb.ShareChannelResponse:
    shared = await call.ws.shared_channels.share(SharedChannel.from_proto(request.shared_channel))
    return pb.ShareChannelResponse(shared_channel=shared.to_proto())


async def update_shared_channel(call: Call, request: pb.UpdateSharedChannelRequest) -> pb.UpdateSharedChannelResponse:
    shared = await call.ws.shared_channels.update(SharedChannel.from_proto(request.shared_channel))
    return pb.UpdateSharedChannelResponse(shared_channel=shared.to_proto())


async def unshare_channel(call: Call, request: pb.UnshareChannelRequest) -> pb.UnshareChannelResponse:
    return pb.UnshareChannelResponse(unshared=await call.ws.shared_channels.unshare(request.channel_id))


async def update_shared_channel_cursor(
    call: Call, request: pb.UpdateSharedChannelCursorRequest
) -> pb.UpdateSharedChannelCursorResponse:
    cursor = Cursor(request.cursor.last_post_update_at, request.cursor.last_post_id)
    await call.ws.shared_channels.set_cursor(request.channel_id, request.remote_id, cursor)
    return pb.UpdateSharedChannelCursorResponse()


async def sync_shared_channel(call: Call, request: pb.SyncSharedChannelRequest) -> pb.SyncSharedChannelResponse:
    await call.ws.channel_sync.sync(request.channel_id)
    return pb.SyncSharedChannelResponse()


async def invite_remote_to_channel(
    call: Call, request: pb.InviteRemoteToChannelRequest
) -> pb.InviteRemoteToChannelResponse:
    await call.ws.shared_channels.invite(
        request.channel_id, request.remote_id, request.user_id, share=request.share_if_not_shared
    )
    return pb.InviteRemoteToChannelResponse()


async def uninvite_remote_from_channel(
    call: Call, request: pb.UninviteRemoteFromChannelRequest
) -> pb.UninviteRemoteFromChannelResponse:
    await call.ws.shared_channels.uninvite(request.channel_id, request.remote_id)
    return pb.UninviteRemoteFromChannelResponse()
