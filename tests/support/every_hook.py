"""The events that fire hooks, one for each of the 41: done to a gateway in this process, and told to its plugin.

`docs/make_hooks.py` makes a page of them.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from mattermost_plugin import HookName
from mattermost_plugin.models import (
    Command,
    FilesLimits,
    PluginClusterEvent,
    Preference,
    ProductLimits,
    PushNotification,
)
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import new_id
from support.hook_scene import Scene, event
from support.mail_server import mail_server
from support.workspaces import PASSWORD, a_channel, a_post

PLUGIN = "com.example.everything"
NO_ARGUMENTS = ()


# The plugin's life


async def restart(scene: Scene) -> object:
    await scene.api("POST", f"/plugins/{PLUGIN}/disable")
    await scene.api("POST", f"/plugins/{PLUGIN}/enable")
    return NO_ARGUMENTS


RESTARTS = "the gateway's {}, `POST /plugins/{{id}}/{}`"
event(HookName.OnActivate, RESTARTS.format("start, a restart of the plugin", "enable"), lambda *none: none)(restart)
event(HookName.OnDeactivate, RESTARTS.format("end", "disable"), lambda *none: none)(restart)


@event(HookName.OnInstall, "the first start of a plugin that came by `POST /plugins`", lambda _, event: event.user_id)
async def install(scene: Scene) -> object:
    await scene.api("POST", f"/plugins/{PLUGIN}/disable")
    await scene.ws.plugin_records.installed(PLUGIN, scene.admin.id, enabled=False)
    await scene.api("POST", f"/plugins/{PLUGIN}/enable")
    return scene.admin.id


@event(HookName.ServeHTTP, "any request below `/plugins/{id}/`", lambda context, writer, request: request.url)
async def serve_http(scene: Scene) -> object:
    await scene.ask("GET", f"/plugins/{PLUGIN}/somewhere?a=b")
    return "/somewhere?a=b"


# The server's life


async def configure(scene: Scene) -> str:
    name = f"Lab {new_id()[:8]}"
    await scene.api("PUT", "/config", json={"TeamSettings": {"SiteName": name}})
    return name


def site_name(config: Any) -> object:
    return json.loads(config.config_json)["TeamSettings"]["SiteName"]


event(HookName.ConfigurationWillBeSaved, "`PUT /config`, `SaveConfig`, `SavePluginConfig`", site_name)(configure)


@event(HookName.OnConfigurationChange, "a configuration that was saved; the start of a plugin", lambda *none: none)
async def reconfigure(scene: Scene) -> object:
    await configure(scene)
    return NO_ARGUMENTS


@event(HookName.OnSendDailyTelemetry, "call: `ws.maintenance.send_daily_telemetry()`", lambda *none: none)
async def telemetry(scene: Scene) -> object:
    scene.ws.maintenance.send_daily_telemetry()
    return NO_ARGUMENTS


@event(HookName.RunDataRetention, "call: `ws.maintenance.run_data_retention()`", lambda now, batch_size: batch_size)
async def retention(scene: Scene) -> object:
    assert await scene.ws.maintenance.run_data_retention(batch_size=7) == {PLUGIN: 0}
    return 7


@event(HookName.OnCloudLimitsUpdated, "call: `ws.maintenance.announce_cloud_limits()`", lambda limits: limits)
async def limits(scene: Scene) -> object:
    fewer = ProductLimits(files=FilesLimits(total_storage=5))
    scene.ws.maintenance.announce_cloud_limits(fewer)
    return fewer


@event(HookName.GenerateSupportData, "`GET /system/support_packet`", lambda context: bool(context.request_id))
async def support_packet(scene: Scene) -> object:
    await scene.api("GET", "/system/support_packet")
    return True


@event(HookName.OnPluginClusterEvent, "call: `ws.plugin_events.receive_from_cluster()`", lambda context, event: event)
async def cluster(scene: Scene) -> object:
    sent = PluginClusterEvent(id="reload", data=b"now")
    scene.ws.plugin_events.receive_from_cluster(PLUGIN, sent)
    return sent


# Posts


async def post(scene: Scene) -> str:
    message = f"hello {new_id()}"
    await scene.api("POST", "/posts", json={"channel_id": scene.channel.id, "message": message})
    return message


async def edit(scene: Scene) -> tuple[str, str]:
    made = await a_post(scene.ws, scene.channel, scene.admin, "before")
    await scene.api("PUT", f"/posts/{made.id}/patch", json={"message": f"after {made.id}"})
    return f"after {made.id}", "before"


POSTED, EDITED = "`POST /posts`, `CreatePost`", "`PUT /posts/{id}`, `PUT /posts/{id}/patch`, `UpdatePost`"
event(HookName.MessageWillBePosted, POSTED, lambda context, post: post.message)(post)
event(HookName.MessageHasBeenPosted, f"{POSTED}, once it is stored", lambda context, post: post.message)(post)
event(HookName.MessageWillBeUpdated, EDITED, lambda context, new, old: (new.message, old.message))(edit)
event(
    HookName.MessageHasBeenUpdated, f"{EDITED}, once it is stored", lambda context, new, old: (new.message, old.message)
)(edit)


@event(HookName.MessageHasBeenDeleted, "`DELETE /posts/{id}`, `DeletePost`", lambda context, post: post.id)
async def delete(scene: Scene) -> object:
    made = await a_post(scene.ws, scene.channel, scene.admin)
    await scene.api("DELETE", f"/posts/{made.id}")
    return made.id


@event(
    HookName.MessagesWillBeConsumed,
    "whatever shows posts to people: `GET /posts/{id}`, `GET /channels/{id}/posts` and others",
    lambda posts: [post.id for post in posts],
)
async def read(scene: Scene) -> object:
    made = await a_post(scene.ws, scene.channel, scene.admin)
    await scene.api("GET", f"/posts/{made.id}")
    return [made.id]


@event(
    HookName.FileWillBeUploaded, "`POST /files`, `POST /uploads/{id}`, `UploadFile`",
    lambda context, info, content: (info.name, content),
)  # fmt: skip
async def upload(scene: Scene) -> object:
    form: dict[str, Any] = {"data": {"channel_id": scene.channel.id}, "files": {"files": ("a.txt", b"hello")}}
    await scene.api("POST", "/files", **form)
    return "a.txt", b"hello"


async def react(scene: Scene) -> tuple[str, str]:
    made = await a_post(scene.ws, scene.channel, scene.admin)
    reaction = {"user_id": scene.admin.id, "post_id": made.id, "emoji_name": "tada"}
    await scene.api("POST", "/reactions", json=reaction)
    return made.id, "tada"


async def withdraw(scene: Scene) -> tuple[str, str]:
    post_id, emoji = await react(scene)
    await scene.api("DELETE", f"/users/me/posts/{post_id}/reactions/{emoji}")
    return post_id, emoji


def reaction_of(context: Any, reaction: Any) -> tuple[str, str]:
    return reaction.post_id, reaction.emoji_name


event(HookName.ReactionHasBeenAdded, "`POST /reactions`, `AddReaction`", reaction_of)(react)
REMOVED = "`DELETE /users/{id}/posts/{id}/reactions/{name}`, `RemoveReaction`"
event(HookName.ReactionHasBeenRemoved, REMOVED, reaction_of)(withdraw)


@event(HookName.ExecuteCommand, "`POST /commands/execute`, `ExecuteSlashCommand`", lambda context, args: args.command)
async def command(scene: Scene) -> object:
    scene.ws.commands.register(PLUGIN, Command(trigger="everything"))
    typed = {"channel_id": scene.channel.id, "command": "/everything now"}
    await scene.api("POST", "/commands/execute", json=typed)
    return "/everything now"


# People


@event(HookName.UserHasBeenCreated, "`POST /users`, `CreateUser`, `CreateBot`", lambda context, user: user.username)
async def create_user(scene: Scene) -> object:
    name = f"user-{new_id()[:8]}"
    account = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    await scene.api("POST", "/users", json=account)
    return name


@event(
    HookName.UserHasBeenDeactivated, "`DELETE /users/{id}`, `PUT /users/{id}/active`, `DeleteUser`",
    lambda context, user: user.id,
)  # fmt: skip
async def deactivate_user(scene: Scene) -> object:
    user = await scene.somebody()
    await scene.api("DELETE", f"/users/{user.id}")
    return user.id


async def log_in(scene: Scene) -> str:
    user = await scene.somebody()
    await scene.api("POST", "/users/login", json={"login_id": user.username, "password": PASSWORD})
    return user.id


event(HookName.UserWillLogIn, "`POST /users/login`", lambda context, user: user.id)(log_in)
event(HookName.UserHasLoggedIn, "`POST /users/login`, once there is a session", lambda context, user: user.id)(log_in)


@event(
    HookName.OnSAMLLogin, "call: `ws.logins.login_by_assertion()`",
    lambda context, user, assertion: (user.id, assertion.assertion_json),
)  # fmt: skip
async def log_in_by_assertion(scene: Scene) -> object:
    user = await scene.somebody()
    await scene.ws.logins.login_by_assertion(user.id, b"{}")
    return user.id, b"{}"


@event(
    HookName.PreferencesHaveChanged, "`PUT /users/{id}/preferences`, `UpdatePreferencesForUser`",
    lambda context, preferences: preferences,
)  # fmt: skip
async def prefer(scene: Scene) -> object:
    chosen = Preference(user_id=scene.admin.id, category="display_settings", name="clock", value=new_id())
    fields = {name: getattr(chosen, name) for name in ("user_id", "category", "name", "value")}
    await scene.api("PUT", "/users/me/preferences", json=[fields])
    return [chosen]


@event(HookName.NotificationWillBePushed, "`SendPushNotification`", lambda notification, user: notification.message)
async def push(scene: Scene) -> object:
    with pytest.raises(AppFailure, match="SendPushNotification"):  # there is no proxy that would push it
        await scene.ws.pushes.send(PushNotification(message="ping"), scene.admin.id)
    return "ping"


@event(HookName.EmailNotificationWillBeSent, "`SendMail`", lambda email: json.loads(email.notification_json)["subject"])
async def mail(scene: Scene) -> object:
    async with mail_server() as server:
        settings = {"SMTPServer": "127.0.0.1", "SMTPPort": str(server.port)}
        await scene.ws.config.save(json.dumps({"EmailSettings": settings}).encode())
        await scene.ws.mail.send("ada@example.com", "Greetings", "<p>Hello</p>")
    return "Greetings"


# Teams and channels


@event(HookName.ChannelHasBeenCreated, "`POST /channels`, `CreateChannel`", lambda context, channel: channel.name)
async def create_channel(scene: Scene) -> object:
    name = f"channel-{new_id()[:8]}"
    fields = {"team_id": scene.channel.team_id, "name": name, "display_name": "New", "type": "O"}
    await scene.api("POST", "/channels", json=fields)
    return name


async def join(scene: Scene) -> tuple[str, str]:
    user = await scene.somebody()
    team, channel = f"/teams/{scene.channel.team_id}/members", f"/channels/{scene.channel.id}/members"
    await scene.api("POST", team, json={"team_id": scene.channel.team_id, "user_id": user.id})
    await scene.api("POST", channel, json={"user_id": user.id})
    return user.id, scene.admin.id


async def leave(scene: Scene) -> tuple[str, str]:
    user_id, actor_id = await join(scene)
    await scene.api("DELETE", f"/channels/{scene.channel.id}/members/{user_id}")
    await scene.api("DELETE", f"/teams/{scene.channel.team_id}/members/{user_id}")
    return user_id, actor_id


def member_and_actor(context: Any, member: Any, actor: Any) -> tuple[str, str]:
    return member.user_id, actor.id if actor else ""


JOINED, LEFT = "`POST /{0}s/{{id}}/members`, `{1}`", "`DELETE /{0}s/{{id}}/members/{{id}}`, `{1}`"
event(HookName.UserHasJoinedTeam, JOINED.format("team", "CreateTeamMember"), member_and_actor)(join)
event(HookName.UserHasLeftTeam, LEFT.format("team", "DeleteTeamMember"), member_and_actor)(leave)
event(HookName.UserHasJoinedChannel, JOINED.format("channel", "AddUserToChannel"), member_and_actor)(join)
event(HookName.UserHasLeftChannel, LEFT.format("channel", "DeleteChannelMember"), member_and_actor)(leave)


# WebSockets


async def visit(scene: Scene) -> str:
    """A client of the WebSocket comes, says something, and goes."""
    url = f"{scene.base.replace('http', 'ws', 1)}/api/v4/websocket"
    async with connect(url, additional_headers={"Authorization": f"Bearer {scene.token}"}) as socket:
        hello = json.loads(await socket.recv())
        await socket.send(json.dumps({"seq": 3, "action": "custom_wave", "data": {"hand": "left"}}))
    return str(hello["data"]["connection_id"])


event(HookName.OnWebSocketConnect, "a connection to `/api/v4/websocket`", lambda connection, user: connection)(visit)
event(HookName.OnWebSocketDisconnect, "the end of such a connection", lambda connection, user: connection)(visit)


@event(
    HookName.WebSocketMessageHasBeenPosted, "a message over such a connection",
    lambda connection, user, request: (connection, user, request.seq, request.action, request.data),
)  # fmt: skip
async def say(scene: Scene) -> object:
    return await visit(scene), scene.admin.id, 3, "custom_wave", {"hand": "left"}


# Shared channels


async def sync(scene: Scene) -> tuple[str, str, str]:
    """A post with a file, of an author with a new image, goes to the plugin as a remote."""
    author, channel = await scene.somebody(), await a_channel(scene.ws, scene.admin, name=f"shared-{new_id()[:8]}")
    await scene.ws.team_members.add(channel.team_id, author.id)
    await scene.ws.channel_members.add(channel.id, author.id)
    remote_id = await scene.ws.remotes.register(PLUGIN, "Everything")
    await scene.ws.shared_channels.invite(channel.id, remote_id, scene.admin.id, share=True)
    await scene.ws.profile_images.set(author.id, b"GIF89a...")
    info = await scene.ws.files.upload_bytes(channel.id, "b.txt", b"hello", author.id)
    await a_post(scene.ws, channel, author, file_ids=[info.id])
    await scene.ws.channel_sync.sync(channel.id)
    return channel.id, author.id, info.id


SYNCED = "`SyncSharedChannel`, with posts that the remote does not have"


@event(HookName.OnSharedChannelsSyncMsg, SYNCED, lambda message, _: json.loads(message.sync_msg_json)["channel_id"])
async def sync_posts(scene: Scene) -> object:
    return (await sync(scene))[0]


@event(HookName.OnSharedChannelsProfileImageSyncMsg, f"{SYNCED} by new authors", lambda user, remote: user.id)
async def sync_images(scene: Scene) -> object:
    return (await sync(scene))[1]


@event(HookName.OnSharedChannelsAttachmentSyncMsg, f"{SYNCED}, and files", lambda info, post, remote: info.id)
async def sync_files(scene: Scene) -> object:
    return (await sync(scene))[2]


@event(HookName.OnSharedChannelsPing, "call: `ws.remotes.ping()`", lambda remote: remote.remote_id)
async def ping(scene: Scene) -> object:
    remote_id = await scene.ws.remotes.register(PLUGIN, "Everything")
    assert await scene.ws.remotes.ping() == {remote_id: True}
    return remote_id
