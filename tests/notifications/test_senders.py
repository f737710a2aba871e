"""The messages that each kind of receiver gets."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from support.delivery_harness import DeliveryHarness
from support.receivers import answering, receiver
from support.slack_limits import check_blocks
from support.transitions import RECOVERY, TRANSITION
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.notifications.senders.senders import Senders

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
    message = endpoint.received[0].json
    assert message["text"] == "*CUSTOMER 0: LEFT*"
    (attachment,) = message["attachments"]
    assert attachment["text"].startswith("note: &lt;!channel&gt; &amp; &lt;@U1&gt;\n")
    check_blocks(attachment["blocks"])


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


def test_apprise_sends_from_its_own_process(harness: DeliveryHarness) -> None:
    with receiver(answering(200)) as endpoint:
        harness.subscribe(harness.channel("apprise", url=f"json://127.0.0.1:{endpoint.port}/x"))
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    assert endpoint.received[0].json["title"] == "CUSTOMER 0: LEFT"


def test_apprise_gets_the_type_of_the_severity_or_of_a_recovery(harness: DeliveryHarness) -> None:
    payloads: list[dict[str, Any]] = [
        *({**TRANSITION, "severity": severity} for severity in ("critical", "warning", "info")),
        RECOVERY,
    ]
    with receiver(answering(200)) as endpoint:
        harness.subscribe(harness.channel("apprise", url=f"json://127.0.0.1:{endpoint.port}/x"))
        for payload in payloads:
            harness.enqueue_transition(payload)
        harness.start()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT) == harness.all())
    types = {message.json["type"] for message in endpoint.received}
    assert types == {"failure", "info", "success", "warning"}


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
