"""Push notifications to users' devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattermost_plugin.models import PushNotification
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import not_implemented

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users


class Pushes(Domain):
    """Push notifications. There is no push proxy to hand them to, so plugins are asked, and that is all."""

    users: Users

    async def send(self, notification: PushNotification, user_id: str) -> None:
        """Have plugins see a notification, which then goes nowhere.

        Raises:
            AppFailure: 404, there is no such user; 400, a plugin refuses it; 501, always otherwise.
        """
        await self.users.get(user_id)
        await self.hooks.notification_will_be_pushed(notification, user_id)
        raise not_implemented("SendPushNotification")
