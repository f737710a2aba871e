"""What arrives, at each kind of receiver."""

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

from support.desk import Desk
from support.receivers import answering, receiver
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.smtp import SmtpServer
from tocsin.notifications.senders.senders import Senders
from tocsin.notifications.senders.slack import MAX_TEXT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_webhook_is_verified_by_the_public_library_of_standard_webhooks(desk: Desk) -> None:
    with receiver() as there:
        desk.subscribe(desk.channel(url=there.url, secret=SECRET, headers={"X-Team": "a"}))
        desk.start()
        desk.tell(payload=b'{"total": 1.50, "big": 123456789012345678901234567890}')
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    (one,) = there.received
    said = Webhook(SECRET).verify(one.body, one.headers)
    assert said["type"] == "CUSTOMER.LEFT"
    assert said["title"] == "CUSTOMER 0: LEFT"
    assert one.headers["x-team"] == "a"
    assert one.id == str(desk.only().delivery_id)
    assert b'"interaction":{"total": 1.50, "big": 123456789012345678901234567890}' in one.body
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(one.body + b" ", one.headers)


def test_a_webhook_without_a_secret_is_given_one_that_verifies(desk: Desk) -> None:
    with receiver() as there:
        channel = desk.channel(url=there.url)
        desk.subscribe(channel)
        desk.start()
        desk.tell()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    secret = channel.spec.settings.with_secrets()["secret"]
    assert Webhook(secret).verify(there.received[0].body, there.received[0].headers)


def test_slack_gets_a_text_in_which_nothing_of_the_payload_is_markup(desk: Desk) -> None:
    with receiver(answering(200)) as there:
        desk.subscribe(desk.channel("slack", webhookUrl=there.url))
        desk.start()
        desk.tell(payload=b'{"note": "<!channel> & <@U1>"}')
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    text = there.received[0].json["text"]
    assert text.startswith("*CUSTOMER 0: LEFT*\nnote: &lt;!channel&gt; &amp; &lt;@U1&gt;")


def sent_to_slack(desk: Desk, template: dict[str, str]) -> str:
    """The text of the one message that a template makes."""
    with receiver(answering(200)) as there:
        desk.subscribe(desk.channel("slack", webhookUrl=there.url), template)
        desk.start()
        desk.tell()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    text: str = there.received[0].json["text"]
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
def test_a_title_is_one_bold_line_in_slack_whatever_is_in_it(
    desk: Desk, title: str, bold: str
) -> None:
    assert sent_to_slack(desk, {"title": title, "body": "*b*"}) == f"{bold}\n*b*"


def test_without_a_title_slack_gets_the_body_alone(desk: Desk) -> None:
    assert sent_to_slack(desk, {"title": " \n", "body": "b"}) == "b"


@pytest.mark.parametrize(("mark", "written"), [("&", "&amp;"), ("<", "&lt;"), ("😀", "😀")])
@pytest.mark.parametrize("shift", range(5))
def test_slack_gets_a_text_that_is_cut_between_characters(
    desk: Desk, mark: str, written: str, shift: int
) -> None:
    text = sent_to_slack(desk, {"title": "x" * (1 + shift), "body": f"{{{{ '{mark}' * 19999 }}}}"})
    units = len(text.encode("utf-16-le")) // 2
    assert units <= MAX_TEXT
    assert units > MAX_TEXT - 5
    assert text.endswith(written + "…")
    assert text.split("\n", 1)[1] == written * text.count(written) + "…"


def test_a_text_that_just_fits_into_slack_is_not_cut(desk: Desk) -> None:
    body = "{{ '&' * 6999 }}b"
    text = sent_to_slack(desk, {"title": "1", "body": body})
    assert text == "*1*\n" + "&amp;" * 6999 + "b"
    assert len(text) == MAX_TEXT


@pytest.mark.parametrize("kind", ["webhook", "slack"])
def test_a_template_that_writes_what_cannot_be_encoded_falls_back_to_the_plain_text(
    desk: Desk, kind: str
) -> None:
    with receiver(answering(200)) as there:
        member = "url" if kind == "webhook" else "webhookUrl"
        template = {"title": "Gone {{ resourceId }}", "body": r"{{ '\ud800' }}"}
        desk.subscribe(desk.channel(kind, **{member: there.url}), template)
        desk.start()
        desk.tell()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    (one,) = there.received
    assert "Gone 0" in one.body.decode()
    assert "country: ZA" in one.body.decode()
    assert "half of a surrogate pair" in one.body.decode()


class Mailbox:
    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.refusal = ""

    async def handle_RCPT(self, _s: Any, _n: Any, envelope: Any, to: str, _o: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.letters.append(envelope)
        return "250 OK"


@contextmanager
def smtp_server(box: Mailbox) -> Iterator[int]:
    """A real server, on a port of its own and in a loop of its own; answers the port."""
    loop = asyncio.new_event_loop()
    serving = loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
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


def test_an_email_arrives_at_a_real_smtp_server_and_has_the_same_id_at_every_try(
    desk: Desk,
) -> None:
    box = Mailbox()
    box.refusal = "450 not now"
    with smtp_server(box) as port:
        smtp = SmtpServer.parse(f"smtp://127.0.0.1:{port}", "Tocsin <tocsin@example.com>")
        desk.subscribe(
            desk.channel("email", to=["ada@example.com", "bob@example.com"]),
            {"title": "Gone:\n{{ resourceId }} ü", "body": "from {{ interaction.country }}"},
        )
        desk.start(Senders(allow_private=False, smtp=smtp))
        desk.tell()
        desk.wait(lambda: desk.only().tries == 1)
        assert "450" in (desk.only().attempts[0].result.error or "")
        box.refusal = ""
        desk.skip()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    (envelope,) = box.letters
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert envelope.rcpt_tos == ["ada@example.com", "bob@example.com"]
    assert letter["subject"] == "Gone: 0 ü"
    assert letter["message-id"] == f"<{desk.only().delivery_id}@tocsin>"
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
def test_a_subject_is_one_line_and_adds_no_header(desk: Desk, title: str, subject: str) -> None:
    box = Mailbox()
    with smtp_server(box) as port:
        smtp = SmtpServer.parse(f"smtp://127.0.0.1:{port}", "Tocsin <tocsin@example.com>")
        template = {"title": title, "body": r"{{ 'one\r\ntwo\u0000\u001b[31m\tthree' }}"}
        desk.subscribe(desk.channel("email", to=["ada@example.com"]), template)
        desk.start(Senders(allow_private=False, smtp=smtp))
        desk.tell()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    (envelope,) = box.letters
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert letter["subject"] == subject
    assert letter["bcc"] is None
    assert letter.get_content().splitlines() == ["one", "two  [31m\tthree"]


def test_without_a_server_for_it_an_email_says_which_setting_is_missing(desk: Desk) -> None:
    desk.subscribe(desk.channel("email", to=["ada@example.com"]))
    desk.start()
    desk.tell()
    desk.wait(lambda: desk.only().tries)
    assert "TOCSIN_SMTP_URL" in (desk.only().attempts[0].result.error or "")


def test_apprise_sends_by_a_process_of_its_own(desk: Desk) -> None:
    with receiver(answering(200)) as there:
        desk.subscribe(desk.channel("apprise", url=f"json://127.0.0.1:{there.port}/x"))
        desk.start()
        desk.tell()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    assert there.received[0].json["title"] == "CUSTOMER 0: LEFT"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("json://127.0.0.1:{port}/secret-token", "private or reserved"),
        ("json://localhost:{port}/secret-token", "private or reserved"),
        ("nosuch://secret-token", "does not know this URL"),
        ("syslog://daemon", "syslog.openlog is refused"),
    ],
)
def test_apprise_reaches_nothing_that_a_webhook_could_not(
    desk: Desk, url: str, reason: str
) -> None:
    with receiver() as there:
        desk.subscribe(desk.channel("apprise", url=url.format(port=there.port)))
        desk.start(Senders(allow_private=False))
        desk.tell()
        desk.wait(lambda: desk.only().tries)
    error = desk.only().attempts[0].result.error or ""
    assert reason in error
    assert "secret-token" not in error
    assert there.received == []


def test_a_sender_that_takes_too_long_is_cut_off(desk: Desk) -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    desk.subscribe(desk.channel(url="http://example.com/"))
    desk.start(Senders(allow_private=False, resolve=never, seconds=0.05))
    desk.tell()
    desk.wait(lambda: desk.only().tries)
    assert re.match(r"did not answer within", desk.only().attempts[0].result.error or "")
