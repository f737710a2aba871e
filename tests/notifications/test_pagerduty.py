"""Events for PagerDuty, as a receiver gets them that behaves as the Events API v2."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from support.alert_builder import AT, alert
from support.builders import a_metric
from support.delivery_harness import DeliveryHarness
from support.pagerduty import KEY, EventsApi, events_api
from support.transitions import DETAILS
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.pages import AlertPages
from tocsin.model.alerts.state import Dimensions, Reason, StateChange, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.group_name import group_hash
from tocsin.model.notifications.delivery import Delivery, DeliveryStatus
from tocsin.model.notifications.message import sample
from tocsin.model.notifications.silence_draft import read_silence
from tocsin.model.severity import Severity
from tocsin.notifications.senders.senders import Senders
from tocsin.store.incident_history import IncidentHistory
from tocsin.store.transitions import Transitions

MINUTE = timedelta(minutes=1)


class Pager:
    """An alert whose transitions go to a channel of PagerDuty."""

    def __init__(self, harness: DeliveryHarness, api: EventsApi) -> None:
        self.harness, self.api = harness, api
        self.channel = harness.channel("pagerduty", routingKey=KEY, url=api.url)
        details = {"description": DETAILS["description"], "labels": DETAILS["labels"]}
        self.alert = alert(
            "1m",
            7,
            channel_ids=(self.channel.channel_id,),
            severity=Severity.CRITICAL,
            runbook_url=DETAILS["runbookUrl"],
            recovery_action_id=uuid4(),
            **details,
        )
        pages = AlertPages("https://tocsin.example")
        self.transitions = Transitions(harness.database, harness.deliveries, pages)

    def start(self) -> None:
        self.harness.start(
            Senders(allow_private=True, history=IncidentHistory(self.harness.database))
        )

    def fire(self, minute: int, country: str | None = "ZA", of: Alert | None = None) -> None:
        self._insert(Status.FIRING, minute, country, of or self.alert)

    def recover(self, minute: int, country: str | None = "ZA", of: Alert | None = None) -> None:
        self._insert(Status.OK, minute, country, of or self.alert)

    def wait(self) -> None:
        """Until no delivery is pending; those that wait for a retry become due."""
        self.harness.wait(self._is_settled)

    def deliveries(self) -> list[Delivery]:
        """Oldest first."""
        return self.harness.all()[::-1]

    def _is_settled(self) -> bool:
        waiting = [each.due for each in self.harness.all(DeliveryStatus.PENDING) if each.tries]
        due = min((due for due in waiting if due), default=self.harness.now())
        self.harness.clock_offset += max(due - self.harness.now(), timedelta(0))
        return not self.harness.all(DeliveryStatus.PENDING)

    def _insert(self, status: Status, minute: int, country: str | None, of: Alert) -> None:
        at = AT + minute * MINUTE
        dimensions: Dimensions = {"interaction_country": country} if country else None
        change = StateChange(status, _REASONS[status], at, 42, dimensions, at - MINUTE)
        transition = Transition.of(change, of, a_metric(unit="logins"))
        with self.harness.database.writing() as connection:
            self.transitions.insert(connection, [transition])
        if self.harness.dispatcher:
            self.harness.dispatcher.wake()


_REASONS = {Status.FIRING: Reason.THRESHOLD, Status.OK: Reason.RECOVERED}


@pytest.fixture
def pager(harness: DeliveryHarness) -> Iterator[Pager]:
    with events_api() as api:
        yield Pager(harness, api)


def statuses(pager: Pager) -> list[DeliveryStatus]:
    return [delivery.status for delivery in pager.deliveries()]


def test_a_firing_triggers_an_incident_and_its_recovery_resolves_it(pager: Pager) -> None:
    pager.start()
    pager.fire(0)
    pager.wait()
    (incident,) = pager.api.open.values()
    assert incident["payload"]["severity"] == "critical"
    assert incident["payload"]["summary"] == "[critical] t: ZA – m: 42 logins"
    assert incident["payload"]["timestamp"] == "2026-03-20T14:30:07.123Z"
    details = incident["payload"]["custom_details"]
    assert (details["value"], details["unit"], details["threshold"]) == (42, "logins", 1)
    assert details["dimensions"] == {"interaction_country": "ZA"}
    assert details["labels"] == DETAILS["labels"]
    url = f"https://tocsin.example/web/alerts/{pager.alert.alert_id}"
    assert incident["client_url"] == url
    assert incident["links"] == [
        {"href": url, "text": "Alert"},
        {"href": DETAILS["runbookUrl"], "text": "Runbook"},
    ]
    pager.recover(1)
    pager.wait()
    assert pager.api.open == {}
    assert pager.api.actions == ["trigger", "resolve"]
    assert statuses(pager) == [DeliveryStatus.SENT] * 2


def test_each_group_of_each_alert_has_an_incident_of_its_own(pager: Pager) -> None:
    another = pager.alert.model_copy(update={"alert_id": uuid4(), "severity": Severity.INFO})
    pager.start()
    for group in ("ZA", "DE", None):
        pager.fire(0, group)
    pager.fire(0, of=another)
    pager.wait()
    assert len(pager.api.open) == 4
    pager.recover(1, "DE")
    pager.recover(1, of=another)
    pager.wait()
    sources = [event["payload"].get("component", "") for event in pager.api.open.values()]
    assert sorted(sources) == ["", "ZA"]


def test_a_trigger_that_a_recovery_has_overtaken_is_not_sent(pager: Pager) -> None:
    pager.api.answers = [(500, {})]
    pager.start()
    pager.fire(0)
    pager.harness.wait(lambda: pager.harness.only().tries == 1)
    pager.recover(1)
    pager.wait()
    assert (pager.api.actions, pager.api.open) == (["resolve"], {})
    trigger, resolve = pager.deliveries()
    assert trigger.status is DeliveryStatus.SKIPPED
    assert trigger.skip_reason == "A newer transition of the group has overtaken it"
    assert (trigger.tries, len(trigger.attempts)) == (1, 1)
    assert resolve.status is DeliveryStatus.SENT


def test_transitions_that_wait_together_leave_no_incident_open_that_is_over(pager: Pager) -> None:
    for minute in range(0, 10, 2):
        pager.fire(minute)
        pager.recover(minute + 1)
    pager.fire(0, "DE")
    pager.start()
    pager.wait()
    (incident,) = pager.api.open.values()
    assert incident["payload"]["component"] == "DE"


def test_a_resolve_that_waits_is_sent_before_the_next_trigger_and_does_not_close_it(
    pager: Pager,
) -> None:
    pager.start()
    pager.fire(0)
    pager.wait()
    pager.api.answers = [(503, {})]
    pager.recover(1)
    pager.harness.wait(lambda: pager.deliveries()[1].tries == 1)
    pager.fire(2)
    pager.harness.wait(lambda: pager.deliveries()[2].status is DeliveryStatus.SENT)
    pager.wait()
    assert pager.api.actions == ["trigger", "resolve", "trigger"]
    (incident,) = pager.api.open.values()
    assert incident["payload"]["timestamp"] == "2026-03-20T14:32:07.123Z"
    late = pager.deliveries()[1]
    assert late.status is DeliveryStatus.SKIPPED
    assert late.skip_reason == (
        "The incident was resolved together with the next trigger of the group"
    )


def test_a_400_is_final_and_the_error_has_the_reason_but_not_the_key(
    harness: DeliveryHarness,
) -> None:
    with events_api() as api:
        key = "tooShort0123456789"
        harness.subscribe(harness.channel("pagerduty", routingKey=key, url=api.url))
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.FAILED))
    (attempt,) = harness.only().attempts
    assert attempt.result.http_status == 400
    assert "Length of 'routing_key' is incorrect" in (attempt.result.error or "")
    assert key not in (attempt.result.error or "")


def test_a_429_pauses_the_channel_as_long_as_it_requests_and_a_5xx_is_repeated(
    pager: Pager,
) -> None:
    pager.api.answers = [(429, {"retry-after": "600"}), (502, {})]
    pager.start()
    pager.fire(0)
    pager.harness.wait(lambda: pager.harness.only().tries == 1)
    requested = pager.harness.only().due
    assert requested
    assert requested - pager.harness.now() > timedelta(seconds=500)
    pager.wait()
    delivery = pager.harness.only()
    assert delivery.status is DeliveryStatus.SENT
    assert [each.result.http_status for each in delivery.attempts] == [429, 502, 202]
    assert pager.api.actions == ["trigger"]


def test_a_silence_holds_back_a_trigger_but_no_resolve(pager: Pager) -> None:
    pager.start()
    pager.fire(0)
    pager.wait()
    silence = {"matchAll": True, "to": "2299-01-01T00:00:00Z", "author": "a", "reason": "r"}
    pager.harness.silences.create(read_silence(silence, AT), AT)
    pager.recover(1)
    pager.fire(2)
    pager.wait()
    assert statuses(pager)[1:] == [DeliveryStatus.SENT, DeliveryStatus.SILENCED]
    assert pager.api.open == {}


def test_another_interaction_triggers_an_incident_of_its_own_with_severity_info(
    harness: DeliveryHarness,
) -> None:
    with events_api() as api:
        harness.subscribe(harness.channel("pagerduty", routingKey=KEY, url=api.url))
        harness.start()
        harness.enqueue(2, b'{"country":"ZA","note":"' + b"x" * 600_000 + b'"}')
        harness.enqueue(1)
        harness.wait(lambda: harness.all(DeliveryStatus.SENT) == harness.all())
    ids = {str(delivery.interaction_id) for delivery in harness.all()}
    assert set(api.open) == ids
    payloads = [event["payload"] for event in api.events]
    assert {payload["severity"] for payload in payloads} == {"info"}
    assert {"country": "ZA"} in [payload["custom_details"] for payload in payloads]
    assert all(len(str(payload)) < 512_000 for payload in payloads)


def test_a_template_writes_the_summary_and_its_text_is_in_the_details(
    harness: DeliveryHarness,
) -> None:
    with events_api() as api:
        channel = harness.channel("pagerduty", routingKey=KEY, url=api.url)
        template = {"title": "Gone {{ '&' * 5000 }}", "body": "from {{ interaction.country }}"}
        harness.subscribe(channel, template)
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    (event,) = api.events
    assert event["payload"]["summary"].startswith("Gone &&&")
    assert event["payload"]["custom_details"] == {"country": "ZA", "message": "from ZA"}


def test_a_test_message_opens_an_incident_and_resolves_it(harness: DeliveryHarness) -> None:
    with events_api() as api:
        channel = harness.channel("pagerduty", routingKey=KEY, url=api.url)
        attempt = harness.start().send(channel, sample(channel, harness.now()))
    assert attempt.result.http_status == 202
    assert (api.actions, api.open) == (["trigger", "resolve"], {})
    assert api.events[0]["payload"]["summary"] == "Test message from Tocsin"


def test_the_dedup_key_does_not_depend_on_the_order_of_dimensions() -> None:
    assert group_hash("a", {"x": "1", "y": None}) == group_hash("a", {"y": None, "x": "1"})
    assert group_hash("a", {"x": "1"}) != group_hash("a", {"x": None})
