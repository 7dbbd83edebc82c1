"""Dialogs and the triggers that allow them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mattermost_plugin.models import Dialog, DialogElement, OpenDialogRequest
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock

pytestmark = pytest.mark.anyio

USER = "u" * 26
DIALOG = Dialog(callback_id="c", title="Vote", elements=[DialogElement(name="choice", type="text")], state="s")


def asked(trigger_id: str, dialog: Dialog = DIALOG) -> OpenDialogRequest:
    return OpenDialogRequest(trigger_id=trigger_id, url="/plugins/poll/dialog", dialog=dialog)


def refusal(ws: Workspace, request: OpenDialogRequest) -> str:
    with pytest.raises(AppFailure) as refused:
        ws.dialogs.open(request)
    return refused.value.id


async def test_a_dialog_is_opened_for_the_user_who_has_the_trigger(ws: Workspace) -> None:
    events = ws.events.subscribe()
    ws.dialogs.open(asked(ws.dialogs.new_trigger(USER, "clients")))
    event = await anext(events)
    told = json.loads(event.data["dialog"])
    assert (event.name, event.broadcast.user_id) == ("open_dialog", USER)
    assert (told["trigger_id"], told["url"]) == ("clients", "/plugins/poll/dialog")
    assert told["dialog"]["elements"][0]["name"] == "choice"


async def test_a_trigger_works_once_and_not_for_long(ws: Workspace, clock: Clock) -> None:
    trigger_id = ws.dialogs.new_trigger(USER)
    ws.dialogs.open(asked(trigger_id))
    expired = "interactive_message.decode_trigger_id.expired"
    assert refusal(ws, asked(trigger_id)) == expired
    late = ws.dialogs.new_trigger(USER)
    clock.advance(seconds=ws.settings.dialog_timeout + 1)
    assert refusal(ws, asked(late)) == expired
    assert refusal(ws, asked("made up")) == expired


async def test_a_malformed_dialog_is_refused_and_does_not_use_up_the_trigger(ws: Workspace) -> None:
    trigger_id = ws.dialogs.new_trigger(USER)
    twins = [DialogElement(name="a"), DialogElement(name="a")]
    for dialog in (replace(DIALOG, title=""), replace(DIALOG, title="x" * 25), replace(DIALOG, elements=twins)):
        assert refusal(ws, asked(trigger_id, dialog)) == "app.open_interactive_dialog.app_error"
    ws.dialogs.open(asked(trigger_id))
