"""Mail, sent by the SMTP server that the configuration names."""

from __future__ import annotations

import asyncio
import json
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formataddr
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import structlog

from mattermost_plugin.models import EmailNotificationJson
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.validation import is_email

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.config import Config

logger = structlog.get_logger("servehttp.mail")


class Mail(Domain):
    """Mail. The server, the sender and the time-out are those of the section EmailSettings."""

    config: Config

    async def send(self, to: str, subject: str, html: str) -> None:
        """Send a mail, unless a plugin refuses it in EmailNotificationWillBeSent; returns when the server took it.

        Raises:
            AppFailure: 400, something is missing, or a plugin refuses it; 501, no server is configured; 500, the
                server does not take it.
        """
        _check(to, subject, html)
        settings = await self.config.section("EmailSettings")
        if not settings["SMTPServer"]:
            raise AppFailure(
                "plugin_api.send_mail.no_server.app_error",
                "No mail can be sent: EmailSettings.SMTPServer of the configuration is empty.",
                501,
                where="SendMail",
            )
        told = {"recipient": to, "subject": subject, "message_html": html}
        content = await self.hooks.email_notification_will_be_sent(EmailNotificationJson(json.dumps(told).encode()))
        if content is not None:
            subject, html = content.subject or subject, content.message_html or html
        await self._deliver(settings, _message(settings, to, subject, html))

    async def _deliver(self, settings: dict[str, Any], message: EmailMessage) -> None:
        try:
            await asyncio.to_thread(_hand_over, settings, message)
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("mail not sent", error=str(error) or type(error).__name__)
            raise AppFailure(
                "app.email.send.app_error", "The mail server did not take the mail.", 500, where="SendMail"
            ) from error


def _check(to: str, subject: str, html: str) -> None:
    for name, value in (("to", to), ("subject", subject), ("htmlbody", html)):
        if not value:
            raise invalid(f"plugin_api.send_mail.missing_{name}", f"The mail has no {name}.", where="SendMail")
    if not is_email(to.lower()) or any(character in subject for character in "\r\n"):
        raise invalid("plugin_api.send_mail.malformed", "The address or the subject is malformed.", where="SendMail")


def _message(settings: dict[str, Any], to: str, subject: str, html: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = formataddr((settings["FeedbackName"], settings["FeedbackEmail"] or "noreply@localhost"))
    message["To"] = to
    message["Subject"] = " ".join(subject.splitlines())
    if settings["ReplyToAddress"]:
        message["Reply-To"] = settings["ReplyToAddress"]
    message.set_content(_text(html))
    message.add_alternative(html, subtype="html")
    return message


def _hand_over(settings: dict[str, Any], message: EmailMessage) -> None:
    security = settings["ConnectionSecurity"]
    context = ssl.create_default_context()
    if settings["SkipServerCertificateVerification"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    address = (settings["SMTPServer"], int(settings["SMTPPort"]))
    timeout = float(settings["SMTPServerTimeout"])
    with (
        smtplib.SMTP_SSL(*address, timeout=timeout, context=context)
        if security == "TLS"
        else smtplib.SMTP(*address, timeout=timeout)
    ) as server:
        if security == "STARTTLS":
            server.starttls(context=context)
        if settings["EnableSMTPAuth"]:
            server.login(settings["SMTPUsername"], settings["SMTPPassword"])
        server.send_message(message)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def _text(html: str) -> str:
    """What is to be read of HTML, for clients that show none."""
    parser = _Text()
    parser.feed(html)
    return "".join(parser.pieces).strip() + "\n"
