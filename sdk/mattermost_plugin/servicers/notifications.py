"""The hooks about push notifications, mail and preferences."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import EmailNotificationJson, Preference, PushNotification
from mattermost_plugin.servicers.kinds import notification, verdict
from mattermost_plugin.servicers.unary import CONTEXT, Argument

PUSH_NOTIFICATION = Argument("push_notification", PushNotification)
EMAIL_NOTIFICATION = Argument("email_notification", EmailNotificationJson)

HOOKS = (
    verdict(
        HookName.NotificationWillBePushed,
        pb.NotificationWillBePushedResponse,
        PUSH_NOTIFICATION,
        Argument("user_id"),
        subject=PUSH_NOTIFICATION,
        modified="modified_notification",
        kind=api_remaining_pb2.PushNotification,
    ),
    verdict(
        HookName.EmailNotificationWillBeSent,
        pb.EmailNotificationWillBeSentResponse,
        EMAIL_NOTIFICATION,
        subject=EMAIL_NOTIFICATION,
        modified="modified_content",
        kind=pb.EmailNotificationContent,
    ),
    notification(
        HookName.PreferencesHaveChanged,
        pb.PreferencesHaveChangedResponse,
        CONTEXT,
        Argument("preferences", Preference, many=True),
    ),
)
