"""What the routes of the REST API name and are sent: things of a team, valid bodies, and a way to take writing back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from mattermost_plugin.models import (
    Bot,
    Channel,
    Command,
    Post,
    Session,
    Team,
    UploadSession,
    User,
    UserAccessToken,
)
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.ids import new_id
from servehttp.workspace.workspace import Workspace
from support.workspaces import PASSWORD

TOKEN = {"token_id": "{token_id}"}
MEMBER = {"user_id": "{bot_id}", "team_id": "{team_id}", "roles": "team_user", "scheme_user": True}
SEARCH = {
    "terms": "hello from:target", "is_or_search": True, "time_zone_offset": 3600, "page": 0, "per_page": 20,
    "include_deleted_channels": False,
}  # fmt: skip
CHANNEL = {"name": "more", "display_name": "More", "header": "h", "purpose": "p"}
COMMAND = {
    "team_id": "{team_id}", "trigger": "fetch", "method": "P", "url": "https://example.com", "username": "hook",
    "icon_url": "https://example.com/a.png", "auto_complete": True, "auto_complete_desc": "d",
    "auto_complete_hint": "h", "display_name": "n", "description": "d", "create_at": 1, "autocomplete_data": {
        "trigger": "fetch", "hint": "h", "help_text": "t", "role_id": "", "arguments": [], "sub_commands": [],
    },
}  # fmt: skip
POST = {
    "message": "hello @target #tag", "is_pinned": True, "file_ids": [],
    "props": {"attachments": [{"text": "t", "actions": [{"name": "n", "integration": {"url": "/x"}}]}], "a": [1, None]},
}  # fmt: skip
METADATA = {"priority": {"priority": "urgent", "requested_ack": True, "persistent_notifications": False}}
NEW_POST = {"channel_id": "{channel_id}", "root_id": "{post_id}", "pending_post_id": "x:1", "metadata": METADATA} | POST
PREFERENCE = {"user_id": "{user_id}", "category": "display", "name": "colour", "value": "red"}
CATEGORY = {
    "user_id": "{user_id}", "team_id": "{team_id}", "display_name": "Mine", "type": "custom", "sorting": 0,
    "sort_order": 10, "muted": False, "collapsed": True, "channel_ids": ["{channel_id}"],
}  # fmt: skip
TEAM = {
    "display_name": "Crew", "description": "d", "company_name": "c", "allowed_domains": "", "allow_open_invite": True,
    "group_constrained": False,
}  # fmt: skip
PROFILE = {
    "username": "grown", "nickname": "n", "first_name": "f", "last_name": "l", "position": "p",
    "email": "grown@example.com", "props": {"a": "b"}, "notify_props": {"mention_keys": "a,b"}, "locale": "en",
    "timezone": {"automaticTimezone": "Europe/Berlin"},
}  # fmt: skip
FOUND = {
    "term": "target", "team_id": "{team_id}", "in_channel_id": "{channel_id}", "not_in_team_id": "", "limit": 10,
    "allow_inactive": True, "without_team": False, "role": "", "roles": ["system_user"], "team_roles": [],
    "in_group_id": "", "group_constrained": False, "view_restrictions": {"teams": [], "channels": []},
}  # fmt: skip
CONFIG = {
    "ServiceSettings": {"SiteURL": "https://example.com", "EnableCommands": True},
    "TeamSettings": {"SiteName": "Lab", "MaxUsersPerTeam": 50},
    "PluginSettings": {"Plugins": {"com.example.none": {"key": "v"}}},
    "PrivacySettings": {"ShowEmailAddress": True},
}
BODIES: Mapping[tuple[str, str], Any] = {
    ("POST", "/bots"): {"username": "robot", "display_name": "Robot", "description": "d"},
    ("PUT", "/bots/{bot_id}"): {"username": "robot", "display_name": "Robot", "description": "d"},
    ("POST", "/channels/members/{user_id}/view"): {"channel_id": "{channel_id}", "prev_channel_id": "{channel_id}"},
    ("POST", "/channels/members/{user_id}/mark_read"): ["{channel_id}"],
    ("POST", "/channels/{channel_id}/members"): {"user_ids": ["{user_id}"], "user_id": "{user_id}"},
    ("POST", "/channels/{channel_id}/members/ids"): ["{user_id}"],
    ("PUT", "/channels/{channel_id}/members/{user_id}/roles"): {"roles": "channel_user channel_admin"},
    ("PUT", "/channels/{channel_id}/members/{user_id}/schemeRoles"): {"scheme_user": True, "scheme_admin": True},
    ("PUT", "/channels/{channel_id}/members/{user_id}/notify_props"): {"desktop": "all"},
    ("POST", "/channels"): {"team_id": "{team_id}", "type": "P", "props": {"a": 1}} | CHANNEL,
    ("POST", "/channels/direct"): ["{caller_id}", "{user_id}"],
    ("POST", "/channels/group"): ["{user_id}", "{bot_id}"],
    ("PUT", "/channels/{channel_id}"): CHANNEL,
    ("PUT", "/channels/{channel_id}/patch"): CHANNEL,
    ("PUT", "/channels/{channel_id}/privacy"): {"privacy": "O"},
    ("POST", "/teams/{team_id}/channels/ids"): ["{channel_id}"],
    ("POST", "/teams/{team_id}/channels/search"): {"term": "sec"},
    ("POST", "/commands"): COMMAND,
    ("PUT", "/commands/{command_id}"): COMMAND,
    ("POST", "/commands/execute"): {
        "channel_id": "{channel_id}",
        "team_id": "{team_id}",
        "root_id": "{post_id}",
        "command": "/shrug",
    },
    ("POST", "/emoji/names"): ["party"],
    ("POST", "/emoji/search"): {"term": "par", "prefix_only": True},
    ("POST", "/users/login"): {"login_id": "{username}", "password": PASSWORD, "device_id": "d"},
    ("POST", "/posts/ids"): ["{post_id}"],
    ("POST", "/posts/search"): SEARCH,
    ("POST", "/teams/{team_id}/posts/search"): SEARCH,
    ("POST", "/posts"): NEW_POST,
    ("POST", "/posts/ephemeral"): {"user_id": "{user_id}", "post": {"channel_id": "{channel_id}"} | POST},
    ("PUT", "/posts/{post_id}"): {"id": "{post_id}"} | POST,
    ("PUT", "/posts/{post_id}/patch"): POST,
    ("PUT", "/users/{user_id}/preferences"): [PREFERENCE],
    ("POST", "/users/{user_id}/preferences/delete"): [PREFERENCE],
    ("POST", "/reactions"): {"user_id": "{caller_id}", "post_id": "{post_id}", "emoji_name": "wave"},
    ("POST", "/roles/names"): ["system_user"],
    ("PUT", "/roles/{role_id}/patch"): {"permissions": ["view_members"]},
    ("POST", "/users/{user_id}/sessions/revoke"): {"session_id": "{session_id}"},
    ("POST", "/users/{user_id}/tokens"): {"description": "script"},
    ("POST", "/users/tokens/revoke"): TOKEN,
    ("POST", "/users/tokens/disable"): TOKEN,
    ("POST", "/users/tokens/enable"): TOKEN,
    ("POST", "/users/{user_id}/teams/{team_id}/channels/categories"): CATEGORY,
    ("PUT", "/users/{user_id}/teams/{team_id}/channels/categories"): [{"id": "{category_1}"} | CATEGORY],
    ("PUT", "/users/{user_id}/teams/{team_id}/channels/categories/order"): [
        "{category_1}",
        "{category_2}",
        "{category_3}",
    ],
    ("POST", "/users/status/ids"): ["{user_id}"],
    ("PUT", "/users/{user_id}/status"): {"status": "dnd", "dnd_end_time": 1_800_000_000},
    ("PUT", "/users/{user_id}/status/custom"): {
        "emoji": "tea",
        "text": "t",
        "duration": "today",
        "expires_at": "2030-01-01T00:00:00Z",
    },
    ("POST", "/users/{user_id}/typing"): {"channel_id": "{channel_id}", "parent_id": "{post_id}"},
    ("PUT", "/config"): CONFIG,
    ("PUT", "/plugins/{plugin_id}/settings/patch"): {"key": "v"},
    ("PUT", "/plugins/{plugin_id}/log_level"): {"level": "debug"},
    ("POST", "/teams/{team_id}/members"): MEMBER,
    ("POST", "/teams/{team_id}/members/batch"): [MEMBER],
    ("POST", "/teams/{team_id}/members/ids"): ["{user_id}"],
    ("PUT", "/teams/{team_id}/members/{user_id}/roles"): {"roles": "team_user team_admin"},
    ("PUT", "/teams/{team_id}/members/{user_id}/schemeRoles"): {"scheme_user": True, "scheme_admin": True},
    ("POST", "/teams"): {"name": "crew", "type": "O", "email": "a@example.com", "scheme_id": "x"} | TEAM,
    ("POST", "/teams/search"): {"term": "lab", "page": 0, "per_page": 10},
    ("PUT", "/teams/{team_id}"): TEAM,
    ("PUT", "/teams/{team_id}/patch"): TEAM,
    ("POST", "/uploads"): {"channel_id": "{channel_id}", "filename": "a.txt", "file_size": 5},
    ("POST", "/users"): PROFILE | {"password": PASSWORD, "roles": "system_user", "email_verified": True},
    ("POST", "/users/ids"): ["{user_id}"],
    ("POST", "/users/usernames"): ["{username}"],
    ("POST", "/users/search"): FOUND,
    ("PUT", "/users/{user_id}"): PROFILE,
    ("PUT", "/users/{user_id}/patch"): PROFILE | {"password": PASSWORD},
    ("PUT", "/users/{user_id}/roles"): {"roles": "system_user system_admin"},
    ("PUT", "/users/{user_id}/active"): {"active": True},
    ("PUT", "/users/{user_id}/password"): {"current_password": PASSWORD, "new_password": PASSWORD + "!"},
}
"""A body that each route accepts which takes JSON, with every kind of field that it reads."""

QUERIES: Mapping[tuple[str, str], str] = {
    ("GET", "/commands"): "?team_id={team_id}",
    ("POST", "/files"): "?filename=a.txt&channel_id={channel_id}",
    ("POST", "/teams/members/invite"): "?invite_id={invitation}",
}


async def take_in(ws: Workspace, team: Team, channel: Channel, user: User) -> None:
    """Have a user in a team and in one of its channels."""
    await ws.team_members.add(team.id, user.id)
    await ws.channel_members.add(channel.id, user.id)


async def names_of(ws: Workspace, team: Team, channel: Channel, target: User) -> dict[str, str]:
    """What stands in addresses and bodies: things of a user who is in the channel."""
    post = await ws.posts.create(Post(channel_id=channel.id, user_id=target.id, message="hello"))
    token = await ws.access_tokens.create(UserAccessToken(user_id=target.id, description="script"))
    command = Command(team_id=team.id, trigger="go", url="https://example.com", method="P", creator_id=target.id)
    file = await ws.files.upload_bytes(channel.id, "notes.txt", b"hello", target.id)
    upload = UploadSession(channel_id=channel.id, filename="b.txt", file_size=5, user_id=target.id, type="attachment")
    emoji = await ws.emoji.create("party", plain_image(target.id), target.id)
    session = await ws.sessions.create(Session(user_id=target.id))
    categories = await ws.sidebar.get(target.id, team.id)
    bot = await ws.bots.create(Bot(username="helper", owner_id=target.id))
    return {
        "team_id": team.id,
        "channel_id": channel.id,
        "post_id": post.id,
        "user_id": target.id,
        "token_id": token.id,
        "command_id": (await ws.commands.create(command)).id,
        "session_id": session.id,
        "bot_id": bot.user_id,
        "file_id": file.id,
        "upload_id": (await ws.uploads.create(upload)).id,
        "emoji_id": emoji.id,
        "team_name": team.name,
        "channel_name": channel.name,
        "username": target.username,
        "email": target.email,
        "invitation": team.invite_id,
        "plugin_id": "com.example.none",
        "role_name": "system_user",
        **{f"category_{number}": id for number, id in enumerate(categories.order, start=1)},
        "role_id": (await ws.roles.by_name("system_user")).id,
    }


class Undone(Exception):
    """What a request has written is taken back."""


@asynccontextmanager
async def undone(ws: Workspace) -> AsyncIterator[None]:
    """Take back what is written inside, so that each request meets the same workspace."""
    try:
        async with ws.database.transaction():
            yield
            raise Undone
    except Undone:
        pass


def filled(text: str, names: Mapping[str, str]) -> str:
    """A path or a body with names in braces, of which those that nobody has are ids of nothing."""
    return re.sub(r"{([a-z]\w*)}", lambda name: names.get(name[1]) or new_id(), text)
