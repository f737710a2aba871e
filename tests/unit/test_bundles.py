"""The messages of grouped subscriptions, by tables of transitions and times."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.bundle_minutes import TABLES
from support.bundle_tables import lines_of, read_table, tables_of
from tocsin.model.notifications.planned_messages import planned_messages


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_exactly_the_messages_that_are_sent(name: str) -> None:
    table = read_table(TABLES[name])
    messages = planned_messages(table.grouping, table.occurrences, table.until)
    assert lines_of(messages) == table.messages


def test_the_tables_of_the_reference_are_correct() -> None:
    document = Path("docs/reference/alerts.md").read_text(encoding="utf-8")
    tables = tables_of(document)
    assert len(tables) == 2
    for text in tables:
        table = read_table(text)
        messages = planned_messages(table.grouping, table.occurrences, table.until)
        assert lines_of(messages) == table.messages


def test_a_late_transition_never_opens_a_bundle_at_the_time_of_a_former_one() -> None:
    table = read_table(
        """
        groupBy alert, groupWait 30s
        10:00:00  logins/ZA fires
        10:00:30  | bundle: logins/ZA exceeded
        10:00:00  logins/US fires
        10:01:00  | bundle: logins/US exceeded"""
    )
    first, second = table.occurrences
    later = planned_messages(table.grouping, [first], table.until)
    assert [message.opened_at for message in later] == [first.at]
    in_order = [first, *read_table("groupBy alert\n10:00:40  logins/UK fires").occurrences, second]
    messages = planned_messages(table.grouping, in_order, table.until.replace(minute=5))
    assert len({message.opened_at for message in messages}) == len(messages) == 2
