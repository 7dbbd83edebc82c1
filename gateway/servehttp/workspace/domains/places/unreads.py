"""What users have read in channels, and what they have not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, select

from mattermost_plugin.models import Channel, ChannelMember, ChannelStats, Post, TeamUnread, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.store.rows import changed, many, scalar
from servehttp.workspace.store.tables.channels import channel_members as members
from servehttp.workspace.store.tables.channels import channels
from servehttp.workspace.store.tables.files import files
from servehttp.workspace.store.tables.posts import posts
from servehttp.workspace.store.tables.users import users

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.channel_members import ChannelMembers
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.places.teams import Teams


@dataclass(frozen=True)
class ChannelUnread:
    """What one user has not read in one channel; the `*_root` counts leave out replies."""

    team_id: str
    channel_id: str
    user_id: str
    msg_count: int
    msg_count_root: int
    mention_count: int
    mention_count_root: int
    urgent_mention_count: int
    last_viewed_at: int
    notify_props: dict[str, str]


class Unreads(Domain):
    """Counts of channels: what they hold, and what of that a member has not seen."""

    channel_members: ChannelMembers
    channels: Channels
    teams: Teams

    async def of_channel(self, channel_id: str, user_id: str) -> ChannelUnread:
        """What a member has not read in a channel.

        Raises:
            AppFailure: 404, no such channel or member.
        """
        async with self.db.reading():
            channel = await self.channels.get(channel_id)
            return _unread(channel, await self.channel_members.get(channel_id, user_id))

    async def of_teams(self, user_id: str) -> list[TeamUnread]:
        """What a user has not read in the channels of each team; muted channels count for their mentions alone."""
        async with self.db.reading():
            return [await self._of_team(team.id, user_id) for team in await self.teams.of_user(user_id)]

    async def view(self, user_id: str, channel_ids: Sequence[str]) -> dict[str, int]:
        """A user has seen all of these channels; returns when they were last viewed, by channel.

        Channels that the user is not in are left out.
        """
        mine = and_(members.c.user_id == user_id, members.c.channel_id == channels.c.id)
        query = select(channels).join(members, mine).where(channels.c.id.in_(channel_ids)).order_by(channels.c.id)
        async with self.db.transaction() as tx:
            seen = {channel.id: await self._see(channel, user_id) for channel in await many(tx, Channel, query)}
            if seen:
                data = {"channel_times": seen}
                self.publish("multiple_channels_viewed", data, WebsocketBroadcast(user_id=user_id))
        return seen

    async def count_post(self, post: Post, mentioned: Collection[str] = (), *, urgent: bool = False) -> None:
        """Count a new post, for the domain of posts: in its channel, for its author as read, for others as a mention.

        Args:
            post: as stored; of join and leave messages none is to be counted.
            mentioned: ids of those members whom it mentions.
            urgent: whether it is of urgent priority.
        """
        root = 0 if post.root_id else 1
        await self._count_in_channel(post, root)
        here = members.c.channel_id == post.channel_id
        author, others = members.c.user_id == post.user_id, members.c.user_id.in_(set(mentioned) - {post.user_id})
        read = _one_more("msg_count", msg_count_root=root) | {"last_viewed_at": post.create_at}
        noticed = _one_more("mention_count", mention_count_root=root, urgent_mention_count=int(urgent))
        async with self.db.transaction() as tx:
            await changed(tx, members.update().where(here, author).values(read))
            await changed(tx, members.update().where(here, others).values(noticed))

    async def stats(self, channel_id: str) -> ChannelStats:
        """How many active members and guests, pinned posts and files a channel has; none if it does not exist."""
        people = select(func.count()).select_from(members.join(users, users.c.id == members.c.user_id))
        people = people.where(members.c.channel_id == channel_id, users.c.delete_at == 0)
        pinned = select(func.count()).where(posts.c.channel_id == channel_id, posts.c.is_pinned, posts.c.delete_at == 0)
        attached = select(func.count()).where(files.c.channel_id == channel_id, files.c.delete_at == 0)
        async with self.db.reading() as tx:
            return ChannelStats(
                channel_id=channel_id,
                member_count=await scalar(tx, people),
                guest_count=await scalar(tx, people.where(members.c.scheme_guest)),
                pinnedpost_count=await scalar(tx, pinned),
                files_count=await scalar(tx, attached),
            )

    async def _of_team(self, team_id: str, user_id: str) -> TeamUnread:
        mine = and_(members.c.user_id == user_id, members.c.channel_id == channels.c.id)
        query = select(channels).join(members, mine).where(channels.c.team_id == team_id, channels.c.delete_at == 0)
        async with self.db.reading() as tx:
            found = [await self.of_channel(channel.id, user_id) for channel in await many(tx, Channel, query)]
        loud = [unread for unread in found if unread.notify_props.get("mark_unread") != "mention"]
        return TeamUnread(
            team_id=team_id,
            msg_count=sum(unread.msg_count for unread in loud),
            msg_count_root=sum(unread.msg_count_root for unread in loud),
            mention_count=sum(unread.mention_count for unread in found),
            mention_count_root=sum(unread.mention_count_root for unread in found),
        )

    async def _see(self, channel: Channel, user_id: str) -> int:
        values = {
            "last_viewed_at": channel.last_post_at,
            "last_update_at": self.now(),
            "msg_count": channel.total_msg_count,
            "msg_count_root": channel.total_msg_count_root,
            "mention_count": 0,
            "mention_count_root": 0,
            "urgent_mention_count": 0,
        }
        mine = and_(members.c.user_id == user_id, members.c.channel_id == channel.id)
        async with self.db.transaction() as tx:
            await changed(tx, members.update().where(mine).values(values))
        return channel.last_post_at

    async def _count_in_channel(self, post: Post, root: int) -> None:
        values = {
            "last_post_at": _latest("last_post_at", post),
            "total_msg_count": channels.c.total_msg_count + 1,
            "total_msg_count_root": channels.c.total_msg_count_root + root,
        } | ({"last_root_post_at": _latest("last_root_post_at", post)} if root else {})
        async with self.db.transaction() as tx:
            await changed(tx, channels.update().where(channels.c.id == post.channel_id).values(values))


def _latest(name: str, post: Post) -> Any:
    """The value of a channel's time of the latest post; one with a time of its own, long ago, is not that."""
    column = channels.c[name]
    return case((column < post.create_at, post.create_at), else_=column)


def _one_more(name: str, **more: int) -> dict[str, Any]:
    """Values for an update that adds one to a member's count, and so many to others."""
    return {column: members.c[column] + count for column, count in ({name: 1} | more).items()}


def _unread(channel: Channel, member: ChannelMember) -> ChannelUnread:
    return ChannelUnread(
        team_id=channel.team_id,
        channel_id=channel.id,
        user_id=member.user_id,
        msg_count=max(channel.total_msg_count - member.msg_count, 0),
        msg_count_root=max(channel.total_msg_count_root - member.msg_count_root, 0),
        mention_count=member.mention_count,
        mention_count_root=member.mention_count_root,
        urgent_mention_count=member.urgent_mention_count,
        last_viewed_at=member.last_viewed_at,
        notify_props=member.notify_props,
    )
