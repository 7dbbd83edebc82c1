"""Mail by a real SMTP server, and what becomes of it without one."""

from __future__ import annotations

import email.policy
import json

import pytest

from mattermost_plugin.grpc import hooks_message_pb2 as pb
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.hooks import Refused
from servehttp.workspace.workspace import Workspace
from support.mail_server import mail_server
from support.workspaces import FakePlugin

pytestmark = pytest.mark.anyio

HOOK = "EmailNotificationWillBeSent"


async def configure(ws: Workspace, port: int) -> None:
    settings = {"SMTPServer": "127.0.0.1", "SMTPPort": str(port), "FeedbackEmail": "us@example.com"}
    await ws.config.save(json.dumps({"EmailSettings": settings}).encode())


async def refusal(ws: Workspace, to: str = "ada@example.com", subject: str = "Hi", html: str = "<b>x</b>") -> int:
    with pytest.raises(AppFailure) as refused:
        await ws.mail.send(to, subject, html)
    return refused.value.status


async def test_a_mail_reaches_the_server_as_html_and_as_text(ws: Workspace) -> None:
    async with mail_server() as server:
        await configure(ws, server.port)
        await ws.mail.send("ada@example.com", "Grüße", "<p>Hello <b>Ada</b></p>")
    [text] = server.mails
    mail = email.message_from_string(text, policy=email.policy.default)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("us@example.com", "ada@example.com", "Grüße")
    plain, html = (part.get_content().strip() for part in mail.iter_parts())
    assert (plain, html) == ("Hello Ada", "<p>Hello <b>Ada</b></p>")


async def test_a_plugin_may_rewrite_a_mail_or_refuse_it(ws: Workspace) -> None:
    content = pb.EmailNotificationContent(subject="Changed")
    plugin = FakePlugin({HOOK: pb.EmailNotificationWillBeSentResponse(modified_content=content)})
    ws.hooks.register("a", plugin)
    async with mail_server() as server:
        await configure(ws, server.port)
        await ws.mail.send("ada@example.com", "Hi", "<b>x</b>")
        plugin.answers[HOOK] = pb.EmailNotificationWillBeSentResponse(rejection_reason="not now")
        with pytest.raises(Refused, match="not now"):
            await ws.mail.send("ada@example.com", "Hi", "<b>x</b>")
    assert ["Subject: Changed" in text for text in server.mails] == [True]
    assert json.loads(plugin.asked[0][1].email_notification.notification_json)["recipient"] == "ada@example.com"


async def test_without_a_server_nothing_can_be_sent(ws: Workspace) -> None:
    assert await refusal(ws) == 501


async def test_a_mail_that_the_server_does_not_take_is_an_error(ws: Workspace) -> None:
    async with mail_server(refuses=True) as server:
        await configure(ws, server.port)
        assert await refusal(ws) == 500
    assert await refusal(ws) == 500  # nobody listens there any more


async def test_a_mail_that_lacks_something_or_smuggles_a_header_is_refused(ws: Workspace) -> None:
    for fields in ({"to": ""}, {"subject": ""}, {"html": ""}, {"to": "nobody"}, {"subject": "a\r\nBcc: b@example.com"}):
        assert await refusal(ws, **fields) == 400
