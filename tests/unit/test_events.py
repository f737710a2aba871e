"""Events reach their subscribers, and no others."""

from __future__ import annotations

import pytest

from tocsin.process.events import DefinitionsChanged, DeliveriesPending, Events


def test_an_event_reaches_the_subscribers_of_its_type_in_their_order() -> None:
    events = Events()
    calls: list[tuple[str, object]] = []
    events.subscribe(DefinitionsChanged, lambda event: calls.append(("first", event)))
    events.subscribe(DeliveriesPending, lambda event: calls.append(("other", event)))
    events.subscribe(DefinitionsChanged, lambda event: calls.append(("second", event)))
    events.publish(DefinitionsChanged())
    assert calls == [("first", DefinitionsChanged()), ("second", DefinitionsChanged())]


def test_an_event_without_subscribers_reaches_nobody() -> None:
    Events().publish(DefinitionsChanged())


def test_a_failure_of_a_subscriber_reaches_the_publisher() -> None:
    events = Events()

    def fail(_: DefinitionsChanged) -> None:
        raise ValueError

    events.subscribe(DefinitionsChanged, fail)
    with pytest.raises(ValueError):
        events.publish(DefinitionsChanged())
