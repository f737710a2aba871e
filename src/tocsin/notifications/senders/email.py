"""Sends email through the SMTP server of the settings, whose address is not checked: the operator
chose it."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib
import structlog

from tocsin.model.notifications.channel import EmailSettings
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message, one_line, printable_lines
from tocsin.model.notifications.smtp import SmtpServer
from tocsin.notifications.senders.email_html import html_of
from tocsin.notifications.senders.sender import SECONDS

log = structlog.get_logger()


class EmailSender:
    def __init__(self, server: SmtpServer | None) -> None:
        self._server = server
        self._tls = ssl.create_default_context()

    async def send(self, settings: EmailSettings, message: Message) -> SendResult:
        server = self._server
        if server is None:
            return SendResult("TOCSIN_SMTP_URL is not set, so no email can be sent")
        try:
            refused, _ = await aiosmtplib.send(
                _letter(server, settings, message),
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.scheme == "smtps",
                start_tls=server.scheme == "smtp+starttls",
                tls_context=self._tls if server.scheme != "smtp" else None,
                timeout=SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return SendResult(f"{server.host}: {error}")
        if refused:
            # The others received it, and would receive it again with every attempt.
            log.warning("email addresses refused", addresses=sorted(refused))
        return SendResult()


def _letter(server: SmtpServer, settings: EmailSettings, message: Message) -> EmailMessage:
    """Every attempt has the same Message-ID, so that a mailbox shows the message once. A firing and
    its recovery refer to the same message, which is never sent, so that both are in one thread."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = server.sender
    letter["To"] = ", ".join(settings.to)
    letter["Subject"] = _subject(message.title)
    letter["Date"] = format_datetime(message.at)
    letter["Message-ID"] = f"<{message.id}@tocsin>"
    letter["Auto-Submitted"] = "auto-generated"
    if threads := [f"<{thread}@episodes.tocsin>" for thread in message.content.threads]:
        letter["In-Reply-To"] = threads[0]
        letter["References"] = " ".join(threads)
    letter.set_content(printable_lines(message.body))
    letter.add_alternative(html_of(message.content), subtype="html")
    return letter


def _subject(title: str) -> str:
    """One line without the mark of an encoded word. EmailMessage decodes those, and one with a
    line end (`=?utf-8?q?=0D=0ABcc:?=`) becomes a header of its own."""
    return one_line(title).replace("=?", "= ?")
