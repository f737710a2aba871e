"""Rows of the audit trail, on a real store: each is in the transaction of its change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from support.alerting import AT, Store, opened_store
from tocsin.errors import Conflict, TocsinError
from tocsin.model import ceilings
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditFilter, AuditSubject, Author
from tocsin.model.interactions.catalog import EntryDraft, Kind
from tocsin.model.key import Key, Role
from tocsin.model.metrics.draft import MetricDraft, read_metric
from tocsin.model.metrics.question import Question
from tocsin.model.notifications.channel import patched_channel, read_channel
from tocsin.model.notifications.silence_draft import read_silence
from tocsin.model.notifications.subscription import read_subscription
from tocsin.process.audit import Actor
from tocsin.store import audit
from tocsin.store.audit import AuditTrail
from tocsin.store.keys import Keys
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions

KEY = Key(key_id=uuid4(), name="ada", role=Role.ADMIN, prefix="tsn_admin_1", created_date=AT)
ADA = Actor(KEY)
SECOND = timedelta(seconds=1)
ALL = AuditFilter()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened_store(tmp_path) as store:
        yield store


def rows(store: Store, filter: AuditFilter = ALL, limit: int = 100) -> list[AuditEntry]:
    return AuditTrail(store.database).page(limit, filter)[0]


def newest(store: Store) -> AuditEntry:
    return rows(store)[0]


def metric(store: Store, **members: Any) -> tuple[MetricDraft, Question]:
    return read_metric({"name": "Logins", "metricType": "COUNT", **members}, store.catalog)


def test_a_change_has_its_author_and_the_definition_before_and_after(store: Store) -> None:
    filters = [{"field": "userId", "operator": "eq", "value": "u1"}]
    logins = store.metrics.create(*metric(store), AT, ADA)
    changed = metric(store, filters=filters, timeWindow="today", timezone="Europe/Berlin")
    store.metrics.replace(logins.metric_id, *changed, AT + SECOND, by=ADA)
    store.metrics.delete(logins.metric_id, AT + 2 * SECOND)
    deleted, change, created = rows(store)[:3]
    assert created.by == change.by == Author(KEY.key_id, "ada")
    assert deleted.by is None
    assert [each.action for each in (created, change, deleted)] == ["created", "changed", "deleted"]
    assert {(each.kind, each.id, each.name) for each in (created, change, deleted)} == {
        (AuditSubject.METRIC, logins.metric_id, "Logins")
    }
    assert created.before is None
    assert created.after == change.before
    assert change.after == deleted.before
    assert deleted.after is None
    assert change.changed == ("filters", "timeWindow", "timezone")
    assert change.after is not None
    assert change.after["filters"] == filters
    draft, question = read_metric(dict(change.after), store.catalog)
    assert (draft.name, question) == ("Logins", changed[1]), "the definition can be given again"


def test_an_alert_and_its_groupings_are_recorded_as_they_are_given(store: Store) -> None:
    members = {"for": "2m", "labels": {"team_name": "a"}, "severity": "critical"}
    alert = store.alert(**members)
    after = newest(store).after
    assert after is not None
    assert after.items() >= {**members, "operator": "gt", "metricId": str(alert.metric_id)}.items()
    again = store.draft(**after)
    assert again.alert(alert.alert_id, AT, AT) == alert


def test_a_secret_is_masked_and_its_change_is_named(store: Store) -> None:
    headers = {"Authorization": "Bearer very-secret"}
    settings = {"url": "https://a.example/hook", "headers": headers, "secret": "whsec_" + "c" * 32}
    body = {"name": "Hook", "kind": "webhook", "settings": settings}
    channel = store.channels.create(read_channel(body), AT, ADA)
    patch = {"settings": {"headers": {"Authorization": "Bearer other-secret"}}}
    draft = read_channel(patched_channel(channel.spec, patch), channel)
    store.channels.replace(channel.channel_id, draft, AT + SECOND, by=ADA)
    change = newest(store)
    assert change.changed == ("settings.headers.Authorization",)
    assert change.after is not None
    assert change.after["settings"]["headers"] == {"Authorization": "***"}
    with store.database.reading() as connection:
        written = connection.execute(text("SELECT before || after FROM audit")).scalars().all()
    assert not [row for row in written if row and ("-secret" in row or "ccc" in row)]


def test_every_kind_of_definition_is_recorded(store: Store) -> None:
    keys, silences = Keys(store.database), Silences(store.database)
    subscriptions = Subscriptions(store.database, store.channels)
    key, _ = keys.create("billing", Role.INGEST, AT, by=ADA)
    keys.rotate(key.key_id, AT, timedelta(hours=1), by=ADA)
    keys.revoke(key.key_id, AT, by=ADA)
    hook = {"name": "c", "kind": "webhook", "settings": {"url": "https://a.example"}}
    channel = store.channels.create(read_channel(hook), AT, ADA)
    store.channels.pause(channel.channel_id, AT)
    store.channels.disable(channel.channel_id, "gone", AT)
    body = {"channelId": str(channel.channel_id), "resourceType": "ALERT", "action": "fired"}
    subscription = subscriptions.create(read_subscription(body, store.catalog), AT, ADA)
    subscriptions.delete(subscription.subscription_id, AT, ADA)
    silence = silences.create(
        read_silence({"to": "2100-01-01T00:00:00Z", "matchAll": True}, AT), AT, ADA
    )
    silences.delete(silence.silence_id, AT, ADA)
    entry = store.catalog.create(Kind.ACTION, EntryDraft(mnemonic="paid", title="Paid"), AT, ADA)
    store.catalog.delete(Kind.ACTION, entry.id, AT, by=ADA)
    store.catalog.ensure(Kind.ORIGIN, "web", AT)
    assert [(row.kind, row.action, row.name, row.by and row.by.name) for row in rows(store)][::-1][
        1:
    ] == [
        ("key", "created", "billing", "ada"),
        ("key", "rotated", "billing", "ada"),
        ("key", "revoked", "billing", "ada"),
        ("channel", "created", "c", "ada"),
        ("channel", "changed", "c", None),
        ("subscription", "created", None, "ada"),
        ("subscription", "deleted", None, "ada"),
        ("silence", "silenced", None, "ada"),
        ("silence", "deleted", None, "ada"),
        ("action", "created", "paid", "ada"),
        ("action", "deleted", "paid", "ada"),
        ("origin", "created", "web", None),
    ]


def test_a_change_that_is_refused_has_no_row(store: Store) -> None:
    store.alert()
    before = rows(store)
    with pytest.raises(Conflict):
        store.metrics.delete(store.metric.metric_id, AT, ADA)
    assert rows(store) == before


def test_a_change_whose_row_cannot_be_written_does_not_happen(store: Store) -> None:
    logins = store.metrics.create(*metric(store), AT)
    with store.database.writing() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO away"))
    with pytest.raises(TocsinError):
        store.metrics.delete(logins.metric_id, AT)
    with pytest.raises(TocsinError):
        store.catalog.create(Kind.ACTION, EntryDraft(mnemonic="paid", title="Paid"), AT)
    store.restart()
    assert store.metrics.get(logins.metric_id) == logins
    assert store.catalog.find(Kind.ACTION, "paid") is None


def test_every_entry_that_a_large_batch_adds_is_recorded(store: Store) -> None:
    store.catalog.ensure_all(Kind.ACTION, [f"a{n}" for n in range(2_000)], AT)
    assert len(rows(store, AuditFilter(kind=AuditSubject.ACTION), limit=3_000)) == 2_000


def test_pages_follow_each_other_newest_first_and_filter(store: Store) -> None:
    trail = AuditTrail(store.database)
    # Instants of several nodes need not grow with the numbers.
    for n in (3, 1, 2, 2, 0):
        store.metrics.create(*metric(store, name=f"m{n}"), AT + n * SECOND, ADA)
    of_ada = AuditFilter(key_id=KEY.key_id, start=AT + SECOND, to=AT + 3 * SECOND)
    names, position = [], None
    while True:
        page, position = trail.page(2, of_ada, position)
        names += [row.name for row in page]
        if position is None:
            break
    assert names == ["m2", "m2", "m1"]
    assert len(rows(store, AuditFilter(key_name="ada"))) == 5
    assert rows(store, AuditFilter(action=AuditAction.DELETED)) == []
    assert all((a.at, a.number) > (b.at, b.number) for a, b in pairwise(rows(store)))


def test_a_page_of_long_rows_ends_early(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE_BYTES", 3_000)
    for n in range(4):
        store.metrics.create(*metric(store, description="x" * 1_000), AT + n * SECOND)
    page, position = AuditTrail(store.database).page(100, ALL)
    assert len(page) == 2
    assert position == (page[-1].at, page[-1].number)
    assert ceilings.PAGE_BYTES > 3_000


def test_expired_rows_go_and_the_history_of_metrics_and_alerts_stays(store: Store) -> None:
    alert = store.alert()
    Keys(store.database).create("billing", Role.INGEST, AT)
    trail = AuditTrail(store.database)
    trail.record(AuditEntry(AT, None, AuditAction.EVALUATED, AuditSubject.ALERT, alert.alert_id))
    trail.drop_before(AT)
    assert len(rows(store)) == 4
    trail.drop_before(AT + SECOND)
    assert [(row.kind, row.action) for row in rows(store)] == [
        ("alert", "created"),
        ("metric", "created"),
    ]


def test_the_versions_of_a_deleted_metric_are_kept(store: Store) -> None:
    logins = store.metrics.create(*metric(store), AT)
    store.metrics.create(*metric(store, name="other"), AT)
    store.metrics.replace(logins.metric_id, *metric(store, name="renamed"), AT + SECOND)
    store.metrics.delete(logins.metric_id, AT + 2 * SECOND)
    trail = AuditTrail(store.database)
    versions, _ = trail.versions(AuditSubject.METRIC, logins.metric_id, 10)
    assert [(row.action, row.name) for row in versions] == [
        ("deleted", "renamed"),
        ("changed", "renamed"),
        ("created", "Logins"),
    ]
    assert trail.versions(AuditSubject.ALERT, logins.metric_id, 10) == ([], None)


def test_the_values_of_a_person_are_blanked_wherever_they_are_a_whole_value(store: Store) -> None:
    either = [
        {"field": "userId", "operator": "in", "value": ["josé%", "u2"]},
        {"field": "resourceId", "operator": "eq", "value": 4711},
    ]
    store.metrics.create(*metric(store, filters=[{"any": either}]), AT)
    store.metrics.create(*metric(store, name="josé%", description="josé% is inside"), AT)
    with store.database.writing() as connection:
        assert audit.blank(connection, ["josé%", "4711"]) == 2
        assert audit.blank(connection, ["josé%", "4711"]) == 0
        assert audit.blank(connection, ["%"]) == 0
        assert audit.blank(connection, []) == 0
    named, filtered = rows(store)[:2]
    assert filtered.after is not None
    values = [each["value"] for each in filtered.after["filters"][0]["any"]]
    assert values == [["***", "u2"], "***"]
    assert named.name == "***"
    assert named.after is not None
    assert (named.after["name"], named.after["description"]) == ("***", "josé% is inside")
