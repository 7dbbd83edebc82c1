"""Interactive dialogs: forms that a plugin opens in the client of the user who just did something."""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from dataclasses import asdict, dataclass

from mattermost_plugin.models import Dialog, OpenDialogRequest, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain, Resources
from servehttp.workspace.errors import AppFailure, invalid

TRIGGERS_MAX = 10_000
"""Triggers that may be held; the oldest go first."""
TITLE_MAX = 24
"""Characters."""


@dataclass(frozen=True)
class _Trigger:
    user_id: str
    client_id: str
    ends_at: int


class Dialogs(Domain):
    """Dialogs, and the triggers that allow them. A trigger works once, and only for the seconds of a setting."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._triggers: OrderedDict[str, _Trigger] = OrderedDict()

    def new_trigger(self, user_id: str, client_id: str = "") -> str:
        """A trigger for what a user just did; `client_id` is what the client gets back with the dialog."""
        trigger_id = secrets.token_urlsafe()
        ends_at = self.now() + int(self.settings.dialog_timeout * 1000)
        self._triggers[trigger_id] = _Trigger(user_id, client_id or trigger_id, ends_at)
        while len(self._triggers) > TRIGGERS_MAX:
            self._triggers.popitem(last=False)
        return trigger_id

    def open(self, asked: OpenDialogRequest) -> None:
        """Open a dialog in the client of the user who has the trigger.

        Raises:
            AppFailure: 400, the trigger is unknown, used or too old, or the dialog is malformed.
        """
        dialog = _checked(asked)
        trigger = self._triggers.pop(asked.trigger_id, None)
        if trigger is None or trigger.ends_at < self.now():
            raise _refused("interactive_message.decode_trigger_id.expired", "The trigger is used or too old.")
        told = {"trigger_id": trigger.client_id, "url": asked.url, "dialog": asdict(dialog)}
        self.publish("open_dialog", {"dialog": json.dumps(told)}, WebsocketBroadcast(user_id=trigger.user_id))


def _checked(asked: OpenDialogRequest) -> Dialog:
    dialog = asked.dialog
    if dialog is None or not asked.url or not 0 < len(dialog.title) <= TITLE_MAX:
        raise _refused("app.open_interactive_dialog.app_error", "A dialog needs a URL and a title of 24 characters.")
    names = [element.name for element in dialog.elements]
    if "" in names or len(set(names)) < len(names):
        raise _refused("app.open_interactive_dialog.app_error", "The elements of a dialog need names of their own.")
    return dialog


def _refused(id: str, message: str) -> AppFailure:
    return invalid(id, message, where="OpenInteractiveDialog")
