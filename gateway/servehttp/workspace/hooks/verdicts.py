"""The hooks that can refuse or change something, asked one plugin after the other.

Each plugin sees what those before it made of the subject. A plugin that gives no answer has refused: what it was to
guard does not happen. Reasons that plugins give are theirs; of a failure nobody is told more than which plugin it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from mattermost_plugin.models import (
    ConfigJson,
    EmailNotificationContent,
    EmailNotificationJson,
    FileInfo,
    PluginContext,
    Post,
    PushNotification,
    SamlAssertionInfoJson,
    User,
)
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.hooks.callers import Callers, HookFailed
from servehttp.workspace.hooks.requests import request

DISMISS = "plugin.message_will_be_posted.dismiss_post"
"""The reason by which a plugin drops a post without anybody being told."""


class Refused(AppFailure):
    """A plugin refused, or could not be asked.

    Attributes:
        plugin_id: which plugin.
        reason: what it said.
    """

    def __init__(self, hook: str, plugin_id: str, reason: str, *, failed: bool = False) -> None:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", hook).lower()
        id = DISMISS if reason == DISMISS else f"plugin.{words}.{'failed' if failed else 'rejected'}"
        super().__init__(id, reason, HTTPStatus.BAD_REQUEST)
        self.plugin_id = plugin_id
        self.reason = reason

    @property
    def dismissed(self) -> bool:
        """Whether the post is to vanish without a word."""
        return self.reason == DISMISS


@dataclass
class _Round:
    """One hook going round: its subject in the request, and the replacement in the response."""

    hook: str
    subject: str
    modified: str
    fields: dict[str, Any]


class Verdicts(Callers):
    """Asks the hooks that have a say. Each returns what is to be used, and raises `Refused` if there is to be none."""

    async def message_will_be_posted(self, context: PluginContext, post: Post) -> Post:
        """What to store instead of a new post, or the post."""
        turn = _Round("MessageWillBePosted", "post", "modified_post", {})
        changed = await self._go_round(turn, context, post.to_proto())
        return post if changed is None else Post.from_proto(changed)

    async def message_will_be_updated(self, context: PluginContext, new: Post, old: Post) -> Post:
        """What to store instead of an edited post, or the post."""
        turn = _Round("MessageWillBeUpdated", "new_post", "modified_post", {"old_post": old})
        changed = await self._go_round(turn, context, new.to_proto())
        return new if changed is None else Post.from_proto(changed)

    async def messages_will_be_consumed(self, posts: list[Post]) -> list[Post]:
        """What a client is shown instead of these posts. None of them if a plugin could not be asked; never raises."""
        for plugin_id in self.implementing("MessagesWillBeConsumed"):
            try:
                asked = request("MessagesWillBeConsumed", PluginContext(), {"posts": posts})
                response = await self.ask(plugin_id, "MessagesWillBeConsumed", asked)
            except HookFailed:
                return []
            posts = [Post.from_proto(post) for post in response.posts]
        return posts

    async def file_will_be_uploaded(
        self, context: PluginContext, info: FileInfo, content: bytes
    ) -> tuple[FileInfo, bytes]:
        """What to store instead of a file. Its whole content goes along, so first ask `implementing` who wants it."""
        hook = "FileWillBeUploaded"
        for plugin_id in self.implementing(hook):
            asked = request(hook, context, {"file_info": info, "file_content": content})
            response = await self._verdict(plugin_id, hook, asked)
            if response.HasField("modified_file_info"):
                info = FileInfo.from_proto(response.modified_file_info)
            content = response.modified_content or content
        return info, content

    async def notification_will_be_pushed(self, notification: PushNotification, user_id: str) -> PushNotification:
        """What to push instead of a notification, or the notification."""
        turn = _Round("NotificationWillBePushed", "push_notification", "modified_notification", {"user_id": user_id})
        changed = await self._go_round(turn, PluginContext(), notification.to_proto())
        return notification if changed is None else PushNotification.from_proto(changed)

    async def email_notification_will_be_sent(self, email: EmailNotificationJson) -> EmailNotificationContent | None:
        """What the last plugin that changed the mail made of it; None if none did. All see the mail as it was."""
        content = None
        for plugin_id in self.implementing("EmailNotificationWillBeSent"):
            asked = request("EmailNotificationWillBeSent", PluginContext(), {"email_notification": email})
            response = await self._verdict(plugin_id, "EmailNotificationWillBeSent", asked)
            if response.HasField("modified_content"):
                content = EmailNotificationContent.from_proto(response.modified_content)
        return content

    async def configuration_will_be_saved(self, config: bytes) -> bytes:
        """What to save instead of a configuration, or the configuration; both as JSON."""
        turn = _Round("ConfigurationWillBeSaved", "new_config", "modified_config", {})
        changed = await self._go_round(turn, PluginContext(), ConfigJson(config_json=config).to_proto())
        return config if changed is None else bytes(changed.config_json)

    async def user_will_log_in(self, context: PluginContext, user: User) -> None:
        """Whether a user may log in."""
        for plugin_id in self.implementing("UserWillLogIn"):
            await self._verdict(plugin_id, "UserWillLogIn", request("UserWillLogIn", context, {"user": user}))

    async def on_saml_login(self, context: PluginContext, user: User, assertion: bytes) -> None:
        """Whether a user may log in whom a SAML service sent; the assertion is JSON."""
        fields = {"user": user, "assertion": SamlAssertionInfoJson(assertion_json=assertion)}
        for plugin_id in self.implementing("OnSAMLLogin"):
            await self._verdict(plugin_id, "OnSAMLLogin", request("OnSAMLLogin", context, fields))

    async def _go_round(self, turn: _Round, context: PluginContext, subject: Any) -> Any:
        """The subject as the plugins made it; None if none changed it."""
        changed = None
        for plugin_id in self.implementing(turn.hook):
            asked = request(turn.hook, context, turn.fields | {turn.subject: changed or subject})
            response = await self._verdict(plugin_id, turn.hook, asked)
            if response.HasField(turn.modified):
                changed = getattr(response, turn.modified)
        return changed

    async def _verdict(self, plugin_id: str, hook: str, asked: Any) -> Any:
        try:
            response = await self.ask(plugin_id, hook, asked)
        except HookFailed as failure:
            raise Refused(hook, plugin_id, f"Plugin {plugin_id} could not check this.", failed=True) from failure
        reason = _reason(response)
        if reason:
            raise Refused(hook, plugin_id, reason)
        return response


def _reason(response: Any) -> str:
    """Why the plugin refuses, empty if it does not."""
    names = response.DESCRIPTOR.fields_by_name
    if "rejection_reason" in names:
        return str(response.rejection_reason)
    if response.HasField("error"):
        return response.error.message or response.error.detailed_error or response.error.id or "no reason given"
    return ""
