"""Who may use a route: data that stands beside the route, is checked before its handler runs, and is what docs print.

An `Access` is a list of rules, all of which have to hold. What only the body can tell, such as the channel of a new
post, is checked by the handler; the access then says so in words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from mattermost_plugin.models import Channel, Post
from servehttp.workspace.rest.call import RestCall

KIND = {"O": "public", "P": "private"}
"""How permissions call the types of channels that have a team."""


class Scope(StrEnum):
    """Where a permission has to hold, as docs say it after the permission."""

    SYSTEM = "everywhere"
    TEAM = "in the team"
    CHANNEL = "in the channel"
    KIND = "in the channel, by its type; one without a team its members may change"
    READ = "in the channel, or a public one of one's team"
    ACCOUNT = "for others than oneself, and `manage_system` for administrators"
    USER = "for others than oneself"
    AUTHOR = "in the channel, by author"


@dataclass(frozen=True)
class Rule:
    """One permission that is needed.

    Attributes:
        scope: where, or for whom.
        permission: its name; with {} for the type of the channel.
        others: for posts of others, another one.
        others_only: not needed where the address names who asks.
    """

    scope: Scope
    permission: str
    others: str = ""
    others_only: bool = False

    def __str__(self) -> str:
        named = self.permission.format("*")
        names = " or ".join(f"`{name}`" for name in (named, self.others) if name)
        return f"{names} {self.scope}" + (", for others than oneself" if self.others_only else "")


@dataclass(frozen=True)
class Access:
    """Who may use a route.

    Attributes:
        rules: all of them have to hold.
        public: nobody has to be logged in.
        also: what the handler or the workspace checks besides, in words.
    """

    rules: tuple[Rule, ...] = ()
    public: bool = False
    also: str = ""

    def __and__(self, other: Access) -> Access:
        return Access(self.rules + other.rules, also="; ".join(filter(None, (self.also, other.also))))

    def __str__(self) -> str:
        who = "public" if self.public else "" if self.rules else "logged in"
        return "; ".join(filter(None, (who, *map(str, self.rules), self.also)))

    def besides(self, text: str) -> Access:
        """These rules, with a text that says what the handler checks more."""
        return replace(self, also=text)

    async def check(self, call: RestCall) -> None:
        """Go on only if who asks may.

        Raises:
            AppFailure: 403; 404 or 400, what the address names is not there.
        """
        for rule in self.rules:
            if rule.others_only and call.path("user_id") == call.user_id:
                continue
            await _CHECKS[rule.scope](call, rule)


PUBLIC = Access(public=True)
LOGGED_IN = Access()


def system(permission: str) -> Access:
    """A permission everywhere."""
    return Access((Rule(Scope.SYSTEM, permission),))


def team(permission: str, *, others_only: bool = False) -> Access:
    """A permission in the team of the address."""
    return Access((Rule(Scope.TEAM, permission, others_only=others_only),))


def channel(permission: str, *, others_only: bool = False) -> Access:
    """A permission in the channel of the address, or of the post that it names."""
    return Access((Rule(Scope.CHANNEL, permission, others_only=others_only),))


def changing(permission: str, *, others_only: bool = False) -> Access:
    """A permission, named with {} for the type of the channel of the address; one without a team its members change."""
    return Access((Rule(Scope.KIND, permission, others_only=others_only),))


def reading(permission: str = "read_channel_content") -> Access:
    """A look into the channel of the address, or of the post that it names."""
    return Access((Rule(Scope.READ, permission),))


def account(permission: str = "edit_other_users") -> Access:
    """One's own account; those of others with a permission, and those of administrators with `manage_system`."""
    return Access((Rule(Scope.ACCOUNT, permission),))


def oneself(permission: str) -> Access:
    """What is one's own; that of others with a permission."""
    return Access((Rule(Scope.USER, permission),))


def author(own: str, others: str) -> Access:
    """A look at the post of the address, and a permission that is another one for the posts of others."""
    return reading() & Access((Rule(Scope.AUTHOR, own, others),))


async def require_reading(call: RestCall, channel: Channel, permission: str = "read_channel") -> Channel:
    """Go on only if who asks may look into a channel: is in it, or it is public and in one of their teams.

    Raises:
        AppFailure: 403.
    """
    permissions = call.workspace.permissions
    public = channel.type == "O" and await permissions.has_in_team(call.user_id, channel.team_id, "read_public_channel")
    if not public:
        await call.require_in_channel(channel.id, permission)
    return channel


async def readable_post(call: RestCall, post_id: str) -> Post:
    """A post in a channel that who asks may read.

    Raises:
        AppFailure: 404; 403.
    """
    post = await call.workspace.posts.get(post_id)
    await require_reading(call, await call.workspace.channels.get(post.channel_id), "read_channel_content")
    return post


async def _system(call: RestCall, rule: Rule) -> None:
    await call.require(rule.permission)


async def _team(call: RestCall, rule: Rule) -> None:
    await call.require_in_team(call.path("team_id"), rule.permission)


async def _channel(call: RestCall, rule: Rule) -> None:
    await call.require_in_channel((await call.channel()).id, rule.permission)


async def _kind(call: RestCall, rule: Rule) -> None:
    found = await call.channel()
    kind = KIND.get(found.type)
    await call.require_in_channel(found.id, rule.permission.format(kind) if kind else "read_channel")


async def _read(call: RestCall, rule: Rule) -> None:
    await require_reading(call, await call.channel(), rule.permission)


async def _account(call: RestCall, rule: Rule) -> None:
    await call.require_account(call.path("user_id"), rule.permission)


async def _user(call: RestCall, rule: Rule) -> None:
    await call.require_self(call.path("user_id"), rule.permission)


async def _author(call: RestCall, rule: Rule) -> None:
    post = await call.post()
    own = post.user_id == call.user_id
    await call.require_in_channel(post.channel_id, rule.permission if own else rule.others)


_Check: TypeAlias = Callable[[RestCall, Rule], Awaitable[None]]
_CHECKS: Mapping[Scope, _Check] = {
    Scope.SYSTEM: _system,
    Scope.TEAM: _team,
    Scope.CHANNEL: _channel,
    Scope.KIND: _kind,
    Scope.READ: _read,
    Scope.ACCOUNT: _account,
    Scope.USER: _user,
    Scope.AUTHOR: _author,
}
