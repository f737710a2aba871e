"""Emails as a real SMTP server receives them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from support.delivery_harness import DeliveryHarness
from support.mailbox import Mailbox, part_of, receiving
from support.transitions import DETAILS, RECOVERY, TRANSITION, interaction
from tocsin.model.notifications.content import Content, Fact, Section
from tocsin.model.notifications.default_content import default_content
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.notifications.senders.email_html import html_of


def test_an_email_reaches_a_real_smtp_server_with_the_same_id_at_every_attempt(
    harness: DeliveryHarness,
) -> None:
    mailbox = Mailbox()
    mailbox.refusal = "450 not now"
    with receiving(mailbox) as senders:
        harness.subscribe(
            harness.channel("email", to=["ada@example.com", "bob@example.com"]),
            {"title": "Gone:\n{{ resourceId }} ü", "body": "from {{ interaction.country }}"},
        )
        harness.start(senders)
        harness.enqueue()
        harness.wait(lambda: harness.only().tries == 1)
        assert "450" in (harness.only().attempts[0].result.error or "")
        mailbox.refusal = ""
        harness.skip_to_next_attempt()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    (envelope,) = mailbox.envelopes
    (letter,) = mailbox.letters
    assert envelope.rcpt_tos == ["ada@example.com", "bob@example.com"]
    assert letter["subject"] == "Gone: 0 ü"
    assert letter["message-id"] == f"<{harness.only().delivery_id}@tocsin>"
    assert letter.get_content_type() == "multipart/alternative"
    assert part_of(letter, "plain") == "from ZA\n"
    assert ">from ZA</p>" in part_of(letter, "html")


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
    with receiving(mailbox) as senders:
        template = {"title": title, "body": r"{{ 'one\r\ntwo\u0000\u001b[31m\tthree' }}"}
        harness.subscribe(harness.channel("email", to=["ada@example.com"]), template)
        harness.start(senders)
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    (letter,) = mailbox.letters
    assert letter["subject"] == subject
    assert letter["bcc"] is None
    assert part_of(letter, "plain").splitlines() == ["one", "two  [31m\tthree"]


def test_without_an_smtp_server_the_error_of_an_email_names_the_missing_setting(
    harness: DeliveryHarness,
) -> None:
    harness.subscribe(harness.channel("email", to=["ada@example.com"]))
    harness.start()
    harness.enqueue()
    harness.wait(lambda: harness.only().tries)
    assert "TOCSIN_SMTP_URL" in (harness.only().attempts[0].result.error or "")


def sent(harness: DeliveryHarness, *payloads: dict[str, Any], template: Any = None) -> list[Any]:
    """The letters about transitions with these payloads."""
    mailbox = Mailbox()
    with receiving(mailbox) as senders:
        harness.subscribe(harness.channel("email", to=["ada@example.com"]), template)
        harness.start(senders)
        for payload in payloads:
            harness.enqueue_transition(payload)
            harness.wait(lambda: harness.all(DeliveryStatus.SENT) == harness.all())
    return mailbox.letters


@pytest.mark.parametrize("template", [None, {"title": "another", "body": "text"}])
def test_firing_and_recovery_of_an_episode_are_in_one_thread(
    harness: DeliveryHarness, template: Any
) -> None:
    again = {"evaluatedAt": "2026-03-21T00:00:00.000Z"}
    fired, recovered, fired_again = sent(
        harness, TRANSITION, RECOVERY, {**TRANSITION, **again}, template=template
    )
    assert fired["in-reply-to"] == fired["references"] == recovered["references"]
    assert recovered["in-reply-to"] == recovered["references"]
    assert fired["in-reply-to"] != fired_again["in-reply-to"]
    assert len({letter["message-id"] for letter in (fired, recovered, fired_again)}) == 3


def test_a_transition_is_sent_as_text_and_as_html(harness: DeliveryHarness) -> None:
    (letter,) = sent(harness, {**TRANSITION, **DETAILS, "description": "Wer prüft <das>?"})
    assert letter["subject"] == "[critical] Failed logins: ZA"
    text, html = part_of(letter, "plain"), part_of(letter, "html")
    assert "Wer prüft <das>?" in text
    assert "Wer prüft &lt;das&gt;?" in html
    assert DETAILS["url"] in text
    assert f'href="{DETAILS["url"]}"' in html


class Outline(HTMLParser):
    """The elements that are open, and the texts and addresses of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [v or "" for name, v in attrs if name in ("href", "src", "background")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def test_the_html_escapes_all_texts_and_loads_nothing() -> None:
    evil = '"><script>alert(1)</script><img src=x>&amp;\ud800\0'
    payload = {**TRANSITION, "alertTitle": evil, "description": evil, "metricName": evil,
               "labels": {evil: evil}, "dimensions": {evil: evil}, "unit": evil,
               "runbookUrl": "https://runbooks.example/\" onclick=\"x",
               "url": "javascript:x"}  # fmt: skip
    for content in (
        default_content(interaction(payload)),
        default_content(interaction({evil: evil}, "WEB")),
        default_content(interaction(TRANSITION)).with_title("<b>").with_body("</p><script>"),
    ):
        outline = Outline(html_of(content))
        assert outline.open == []
        assert not {"script", "img", "b", "link", "iframe"} & outline.tags
        assert all(address.startswith("https://runbooks.example/") for address in outline.addresses)


def test_the_html_of_a_message_of_any_size_is_not_clipped() -> None:
    payload = {**TRANSITION, "labels": {f"{n}" * 90: "<" * 200 for n in range(50)},
               "dimensions": {f"d{n}": "&" * 5_000 for n in range(20)}}  # fmt: skip
    for content in (
        default_content(interaction(payload)),
        Content("t").with_body("&" * 20_000),
    ):
        document = html_of(content)
        Outline(document)
        assert len(document.encode()) < 102_000


def test_sections_with_a_heading_take_one_row_each() -> None:
    facts = (Fact("Condition", "> 10"), Fact("Since", "2026-03-20"))
    sections = [Section(f"{name}: fired", "Failed logins: 42", facts) for name in ("ZA", "DE")]
    document = html_of(Content("many", sections=tuple(sections)))
    assert document.count("Condition: &gt; 10 · Since: 2026-03-20") == 2
    assert 'class="name' not in document
