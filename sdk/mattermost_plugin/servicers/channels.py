"""The hooks about channels, teams and who is in them."""

from __future__ import annotations

from mattermost_plugin.grpc import hooks_user_channel_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import Channel, ChannelMember, TeamMember, User
from mattermost_plugin.servicers.kinds import notification
from mattermost_plugin.servicers.unary import CONTEXT, Argument

CHANNEL_MEMBER = Argument("channel_member", ChannelMember)
TEAM_MEMBER = Argument("team_member", TeamMember)
ACTOR = Argument("actor", User, optional=True)

HOOKS = (
    notification(
        HookName.ChannelHasBeenCreated, pb.ChannelHasBeenCreatedResponse, CONTEXT, Argument("channel", Channel)
    ),
    notification(HookName.UserHasJoinedChannel, pb.UserHasJoinedChannelResponse, CONTEXT, CHANNEL_MEMBER, ACTOR),
    notification(HookName.UserHasLeftChannel, pb.UserHasLeftChannelResponse, CONTEXT, CHANNEL_MEMBER, ACTOR),
    notification(HookName.UserHasJoinedTeam, pb.UserHasJoinedTeamResponse, CONTEXT, TEAM_MEMBER, ACTOR),
    notification(HookName.UserHasLeftTeam, pb.UserHasLeftTeamResponse, CONTEXT, TEAM_MEMBER, ACTOR),
)
