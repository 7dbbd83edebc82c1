"""Shared channels: channels that other servers, or plugins that play one, take part in."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.models import SharedChannel
from notation import wire


def register_plugin_for_shared_channels(plugin_id: str, display_name: str, description: str = "") -> str:
    """Make the plugin a remote, and return the remote's id. Repeated calls give the same id.

    Args:
        plugin_id: the caller's own; known hosts use the caller's whatever it says.
        display_name: what users see.
        description: for administrators.
    """
    wire(
        opts=api_remaining_pb2.RegisterPluginOpts(
            plugin_id=plugin_id, display_name=display_name, description=description
        )
    )


def unregister_plugin_for_shared_channels(plugin_id: str) -> None:
    """Let the plugin be no remote any more; it gets no more sync messages.

    Args:
        plugin_id: the caller's own.

    Raises:
        NotFoundError: it was none.
    """


def share_channel(shared_channel: SharedChannel) -> SharedChannel:
    """Mark a channel as shared, and return the share. Remotes are invited separately.

    Args:
        shared_channel: `channel_id`, `share_name` and `creator_id` are needed.

    Raises:
        NotFoundError: there is no such channel.
        ValidationError: a field is malformed, or the channel cannot be shared.
    """


def update_shared_channel(shared_channel: SharedChannel) -> SharedChannel:
    """Change names, purpose and header of a share, and return it.

    Raises:
        NotFoundError: the channel is not shared.
        ValidationError: a field is malformed.
    """


def unshare_channel(channel_id: str) -> bool:
    """End a share for all remotes; returns False when the channel was not shared."""


def update_shared_channel_cursor(channel_id: str, remote_id: str, last_post_update_at: int, last_post_id: str) -> None:
    """Set up to where a remote has everything: forward to skip, backward to send again.

    Args:
        last_post_update_at: `Post.update_at` of the last post the remote has, in milliseconds since the epoch.
        last_post_id: its id, which tells apart posts changed in the same millisecond.

    Raises:
        NotFoundError: the channel is not shared with the remote.
    """
    wire(
        cursor=api_remaining_pb2.GetPostsSinceForSyncCursor(
            last_post_update_at=last_post_update_at, last_post_id=last_post_id
        )
    )


def sync_shared_channel(channel_id: str) -> None:
    """Send what changed in a shared channel to all remotes now.

    Raises:
        NotFoundError: the channel is not shared.
    """


def invite_remote_to_channel(
    channel_id: str, remote_id: str, user_id: str, *, share_if_not_shared: bool = False
) -> None:
    """Begin to sync a channel to a remote, or to this plugin.

    Args:
        user_id: the inviting user.
        share_if_not_shared: otherwise an unshared channel is an error.

    Raises:
        NotFoundError: there is no such channel or remote.
        ValidationError: the channel is not shared.
    """


def uninvite_remote_from_channel(channel_id: str, remote_id: str) -> None:
    """End syncing a channel to a remote, or to this plugin.

    Raises:
        NotFoundError: the channel is not shared with the remote.
    """
