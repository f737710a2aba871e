"""The messages that each kind of receiver gets."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook, WebhookVerificationError

from support.delivery_harness import DeliveryHarness
from support.receivers import answering, receiver
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.smtp import SmtpServer
from tocsin.notifications.senders.senders import Senders
from tocsin.notifications.senders.slack import MAX_TEXT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_webhook_is_verified_by_the_public_library_of_standard_webhooks(
    harness: DeliveryHarness,
) -> None:
    with receiver() as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url, secret=SECRET, headers={"X-Team": "a"}))
        harness.start()
        harness.enqueue(payload=b'{"total": 1.50, "big": 123456789012345678901234567890}')
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    (message,) = endpoint.received
    verified = Webhook(SECRET).verify(message.body, message.headers)
    assert verified["type"] == "CUSTOMER.LEFT"
    assert verified["title"] == "CUSTOMER 0: LEFT"
    assert message.headers["x-team"] == "a"
    assert message.id == str(harness.only().delivery_id)
    assert b'"interaction":{"total": 1.50, "big": 123456789012345678901234567890}' in message.body
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(message.body + b" ", message.headers)


def test_a_webhook_without_a_secret_gets_a_generated_secret_that_verifies(
    harness: DeliveryHarness,
) -> None:
    with receiver() as endpoint:
        channel = harness.channel(url=endpoint.url)
        harness.subscribe(channel)
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    secret = channel.spec.settings.with_secrets()["secret"]
    assert Webhook(secret).verify(endpoint.received[0].body, endpoint.received[0].headers)


def test_markup_in_the_payload_is_escaped_in_the_text_for_slack(harness: DeliveryHarness) -> None:
    with receiver(answering(200)) as endpoint:
        harness.subscribe(harness.channel("slack", webhookUrl=endpoint.url))
        harness.start()
        harness.enqueue(payload=b'{"note": "<!channel> & <@U1>"}')
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    text = endpoint.received[0].json["text"]
    assert text.startswith("*CUSTOMER 0: LEFT*\nnote: &lt;!channel&gt; &amp; &lt;@U1&gt;")


def sent_to_slack(harness: DeliveryHarness, template: dict[str, str]) -> str:
    """The text of the message that is rendered from `template`."""
    with receiver(answering(200)) as endpoint:
        harness.subscribe(harness.channel("slack", webhookUrl=endpoint.url), template)
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    text: str = endpoint.received[0].json["text"]
    return text


@pytest.mark.parametrize(
    ("title", "bold"),
    [
        ("Gone:\r\n{{ resourceId }}\n", "*Gone: 0*"),
        (r"{{ 'a\u2028b\u0085c\u0000d\u001be' }}", "*a b c d e*"),
        ("*2*3* `rm` ~x~", "*∗2∗3∗ ˋrmˋ ∼x∼*"),
        ("_LOGIN_FAILED_ _", "*ˍLOGIN_FAILEDˍ ˍ*"),
        ("<!channel> & 1 > 0", "*&lt;!channel&gt; &amp; 1 &gt; 0*"),
    ],
)
def test_a_title_with_markup_or_line_breaks_is_one_bold_line_in_slack(
    harness: DeliveryHarness, title: str, bold: str
) -> None:
    assert sent_to_slack(harness, {"title": title, "body": "*b*"}) == f"{bold}\n*b*"


def test_without_a_title_slack_gets_the_body_alone(harness: DeliveryHarness) -> None:
    assert sent_to_slack(harness, {"title": " \n", "body": "b"}) == "b"


@pytest.mark.parametrize(("mark", "written"), [("&", "&amp;"), ("<", "&lt;"), ("😀", "😀")])
@pytest.mark.parametrize("shift", range(5))
def test_a_text_that_is_too_long_for_slack_is_cut_between_characters(
    harness: DeliveryHarness, mark: str, written: str, shift: int
) -> None:
    text = sent_to_slack(
        harness, {"title": "x" * (1 + shift), "body": f"{{{{ '{mark}' * 19999 }}}}"}
    )
    units = len(text.encode("utf-16-le")) // 2
    assert units <= MAX_TEXT
    assert units > MAX_TEXT - 5
    assert text.endswith(written + "…")
    assert text.split("\n", 1)[1] == written * text.count(written) + "…"


def test_a_text_that_just_fits_into_slack_is_not_cut(harness: DeliveryHarness) -> None:
    body = "{{ '&' * 6999 }}b"
    text = sent_to_slack(harness, {"title": "1", "body": body})
    assert text == "*1*\n" + "&amp;" * 6999 + "b"
    assert len(text) == MAX_TEXT


@pytest.mark.parametrize("kind", ["webhook", "slack"])
def test_a_message_that_cannot_be_encoded_is_replaced_by_the_plain_text(
    harness: DeliveryHarness, kind: str
) -> None:
    with receiver(answering(200)) as endpoint:
        member = "url" if kind == "webhook" else "webhookUrl"
        template = {"title": "Gone {{ resourceId }}", "body": r"{{ '\ud800' }}"}
        harness.subscribe(harness.channel(kind, **{member: endpoint.url}), template)
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    (message,) = endpoint.received
    assert "Gone 0" in message.body.decode()
    assert "country: ZA" in message.body.decode()
    assert "half of a surrogate pair" in message.body.decode()


class Mailbox:
    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.refusal = ""

    async def handle_RCPT(self, _s: Any, _n: Any, envelope: Any, to: str, _o: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK"


@contextmanager
def smtp_server(mailbox: Mailbox) -> Iterator[int]:
    """Runs a real server on its own port and event loop; yields the port."""
    loop = asyncio.new_event_loop()
    serving = loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0)
    server = loop.run_until_complete(serving)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


def test_an_email_reaches_a_real_smtp_server_with_the_same_id_at_every_attempt(
    harness: DeliveryHarness,
) -> None:
    mailbox = Mailbox()
    mailbox.refusal = "450 not now"
    with smtp_server(mailbox) as port:
        smtp = SmtpServer.parse(f"smtp://127.0.0.1:{port}", "Tocsin <tocsin@example.com>")
        harness.subscribe(
            harness.channel("email", to=["ada@example.com", "bob@example.com"]),
            {"title": "Gone:\n{{ resourceId }} ü", "body": "from {{ interaction.country }}"},
        )
        harness.start(Senders(allow_private=False, smtp=smtp))
        harness.enqueue()
        harness.wait(lambda: harness.only().tries == 1)
        assert "450" in (harness.only().attempts[0].result.error or "")
        mailbox.refusal = ""
        harness.skip_to_next_attempt()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    (envelope,) = mailbox.envelopes
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert envelope.rcpt_tos == ["ada@example.com", "bob@example.com"]
    assert letter["subject"] == "Gone: 0 ü"
    assert letter["message-id"] == f"<{harness.only().delivery_id}@tocsin>"
    assert letter.get_content().strip() == "from ZA"


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        (r"{{ 'a\u0000b\u001b[31mc\r\nBcc: eve@example.com\u2028d' }}",
         "a b [31mc Bcc: eve@example.com d"),
        ("=?utf-8?q?a=0D=0ABcc:_eve@example.com?=", "= ?utf-8?q?a=0D=0ABcc:_eve@example.com?="),
        ("=?utf-8?b?{{ 'ü' }}?=", "= ?utf-8?b?ü?="),
    ],
)  # fmt: skip
def test_a_subject_is_one_line_and_adds_no_header(
    harness: DeliveryHarness, title: str, subject: str
) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        smtp = SmtpServer.parse(f"smtp://127.0.0.1:{port}", "Tocsin <tocsin@example.com>")
        template = {"title": title, "body": r"{{ 'one\r\ntwo\u0000\u001b[31m\tthree' }}"}
        harness.subscribe(harness.channel("email", to=["ada@example.com"]), template)
        harness.start(Senders(allow_private=False, smtp=smtp))
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    (envelope,) = mailbox.envelopes
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert letter["subject"] == subject
    assert letter["bcc"] is None
    assert letter.get_content().splitlines() == ["one", "two  [31m\tthree"]


def test_without_an_smtp_server_the_error_of_an_email_names_the_missing_setting(
    harness: DeliveryHarness,
) -> None:
    harness.subscribe(harness.channel("email", to=["ada@example.com"]))
    harness.start()
    harness.enqueue()
    harness.wait(lambda: harness.only().tries)
    assert "TOCSIN_SMTP_URL" in (harness.only().attempts[0].result.error or "")


def test_apprise_sends_from_its_own_process(harness: DeliveryHarness) -> None:
    with receiver(answering(200)) as endpoint:
        harness.subscribe(harness.channel("apprise", url=f"json://127.0.0.1:{endpoint.port}/x"))
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    assert endpoint.received[0].json["title"] == "CUSTOMER 0: LEFT"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("json://127.0.0.1:{port}/secret-token", "private or reserved"),
        ("json://localhost:{port}/secret-token", "private or reserved"),
        ("nosuch://secret-token", "does not know this URL"),
        ("syslog://daemon", "syslog.openlog is refused"),
    ],
)
def test_apprise_reaches_no_target_that_is_refused_for_a_webhook(
    harness: DeliveryHarness, url: str, reason: str
) -> None:
    with receiver() as endpoint:
        harness.subscribe(harness.channel("apprise", url=url.format(port=endpoint.port)))
        harness.start(Senders(allow_private=False))
        harness.enqueue()
        harness.wait(lambda: harness.only().tries)
    error = harness.only().attempts[0].result.error or ""
    assert reason in error
    assert "secret-token" not in error
    assert endpoint.received == []


def test_a_sender_that_takes_too_long_is_cut_off(harness: DeliveryHarness) -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    harness.subscribe(harness.channel(url="http://example.com/"))
    harness.start(Senders(allow_private=False, resolve=never, seconds=0.05))
    harness.enqueue()
    harness.wait(lambda: harness.only().tries)
    assert re.match(r"did not answer within", harness.only().attempts[0].result.error or "")
