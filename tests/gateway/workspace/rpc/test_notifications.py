"""Events, dialogs, mail, pushes and logs as the SDK's client sees them."""

from __future__ import annotations

import json

import pytest
import structlog

from mattermost_plugin import AsyncPluginAPIClient, PluginAPIError
from mattermost_plugin.models import AuditRecord, Dialog, OpenDialogRequest, PushNotification
from servehttp.workspace.workspace import Workspace
from support.mail_server import mail_server
from support.workspaces import a_user

pytestmark = pytest.mark.anyio

ME = "com.example.me"


async def test_clients_get_an_event_under_the_plugins_name(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    events = ws.events.subscribe()
    await api.publish_web_socket_event("voted", {"n": 1}, {"channel_id": "c" * 26, "omit_users": ["u" * 26]})
    event = await anext(events)
    assert (event.name, event.data) == (f"custom_{ME}_voted", {"n": 1})
    assert (event.broadcast.channel_id, event.broadcast.omit_users) == ("c" * 26, ["u" * 26])


async def test_an_event_for_other_nodes_is_taken(api: AsyncPluginAPIClient) -> None:
    await api.publish_plugin_cluster_event("reload", b"x")
    with pytest.raises(PluginAPIError):
        await api.publish_plugin_cluster_event("reload", b"x", send_type="pigeon")


async def test_a_dialog_is_opened_by_a_trigger(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    events = ws.events.subscribe()
    trigger_id = ws.dialogs.new_trigger("u" * 26)
    await api.open_interactive_dialog(OpenDialogRequest(trigger_id, "/plugins/me/d", Dialog(title="Vote")))
    assert (await anext(events)).broadcast.user_id == "u" * 26


async def test_a_mail_is_sent(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    async with mail_server() as server:
        settings = {"SMTPServer": "127.0.0.1", "SMTPPort": str(server.port)}
        await ws.config.save(json.dumps({"EmailSettings": settings}).encode())
        await api.send_mail("ada@example.com", "Hi", "<b>x</b>")
    assert len(server.mails) == 1


async def test_no_push_notification_can_be_sent(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    user = await a_user(ws)
    with pytest.raises(PluginAPIError, match="SendPushNotification"):
        await api.send_push_notification(PushNotification(message="hi"), user.id)


async def test_lines_of_the_log_have_their_level_the_plugin_and_its_fields(api: AsyncPluginAPIClient) -> None:
    with structlog.testing.capture_logs() as lines:
        await api.log_debug("one", n=1)
        await api.log_info("two\x1b[2J", plugin="forged", level="forged")
        await api.log_warn("three", items=["a"])
        await api.log_error("four")
    assert [(line["log_level"], line["plugin"]) for line in lines] == [
        (level, ME) for level in ("debug", "info", "warning", "error")
    ]
    assert lines[0]["n"] == 1
    assert (lines[1]["plugin_"], lines[1]["level_"]) == ("forged", "forged")
    assert "\x1b" not in lines[1]["event"]


async def test_audit_records_are_kept_with_their_level(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    record = AuditRecord(event="vote", status="success", meta={"n": 1})
    await api.log_audit_rec(record)
    await api.log_audit_rec_with_level(record, "audit-api")
    assert sorted(kept.level for kept in await ws.audits.find()) == ["audit-api", "audit-cli"]
