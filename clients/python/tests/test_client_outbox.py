"""The queue: when batches are due, what is dropped, and that nothing is counted twice."""

from __future__ import annotations

import logging
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin_client._answers import Failed, Outcome, Recorded, TooLarge
from tocsin_client._outbox import BATCH_BYTES, QUEUE_BYTES, Batch, Outbox
from tocsin_client._rejection import FieldError

WRONG = (FieldError("resourceId", "is required"),)


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def outbox_with(
    lines: int, *, capacity: int = 100, batch_size: int = 10, clock: Clock | None = None
) -> Outbox:
    outbox = Outbox(capacity, batch_size, 1.0, clock or Clock())
    for number in range(lines):
        outbox.add(uuid4(), b"%d" % number)
    return outbox


def lines_of(batch: Batch | None) -> list[int]:
    return [int(item.line) for item in batch or []]


def test_a_batch_is_due_when_it_is_full_or_its_first_interaction_has_waited() -> None:
    clock = Clock()
    outbox = outbox_with(12, clock=clock)
    assert lines_of(outbox.take()) == list(range(10))
    outbox.settle(Recorded())
    assert outbox.take() is None
    assert outbox.seconds_until_due() == 1.0
    clock.now += 1
    assert lines_of(outbox.take()) == [10, 11]
    assert outbox.seconds_until_due() is None


def test_a_batch_has_a_limited_number_of_bytes() -> None:
    outbox = Outbox(100, 10, 1.0)
    for _ in range(3):
        outbox.add(uuid4(), b"x" * (BATCH_BYTES // 2))
    assert len(outbox.take() or []) == 1


def test_a_failed_batch_is_sent_again_unchanged_after_a_growing_delay() -> None:
    clock = Clock()
    outbox = outbox_with(10, clock=clock)
    first = outbox.take()
    delays = []
    for _ in range(20):
        outbox.settle(Failed("HTTP 502"))
        assert outbox.stats.last_failure == "HTTP 502"
        delay = outbox.seconds_until_due()
        assert delay is not None
        delays.append(delay)
        clock.now += delay
        assert outbox.take() == first
    assert all(delay <= 0.5 * 2**number for number, delay in enumerate(delays))
    assert max(delays) > 1
    assert max(delays) <= 30
    outbox.settle(Recorded())
    assert outbox.stats.recorded == 10
    assert outbox.stats.retries == 20
    assert outbox.stats.last_failure is None


def test_the_delay_that_the_server_requires_is_kept_also_by_a_flush() -> None:
    clock = Clock()
    outbox = outbox_with(10, clock=clock)
    outbox.take()
    outbox.settle(Failed("HTTP 503", retry_after=7))
    outbox.flush(lambda: None)
    clock.now += 6.9
    assert outbox.take() is None
    clock.now += 1.2
    assert len(outbox.take() or []) == 10


def test_rejected_interactions_are_counted_and_not_sent_again() -> None:
    outbox = outbox_with(10)
    batch = outbox.take() or []
    rejected = outbox.settle(Recorded({3: WRONG}))
    assert rejected == [(batch[3], WRONG)]
    assert (outbox.stats.recorded, outbox.stats.rejected, outbox.stats.queued) == (9, 1, 0)


def test_a_batch_that_is_too_large_is_halved_until_only_the_wrong_one_is_rejected() -> None:
    outbox = outbox_with(10)
    outbox.flush(lambda: None)
    rejected = []
    while batch := outbox.take():
        # Number 6 is what the server cannot read.
        outcome: Outcome = TooLarge("HTTP 413") if 6 in lines_of(batch) else Recorded()
        rejected += outbox.settle(outcome)
    assert [item.line for item, _ in rejected] == [b"6"]
    assert (outbox.stats.recorded, outbox.stats.rejected) == (9, 1)


def test_a_full_queue_drops_the_oldest_and_counts_them() -> None:
    outbox = outbox_with(25, capacity=20)
    assert outbox.stats.dropped == 5
    assert lines_of(outbox.take()) == list(range(5, 15))


def test_a_batch_that_returns_to_a_full_queue_is_the_oldest() -> None:
    outbox = outbox_with(20, capacity=20)
    outbox.take()
    for number in range(20, 25):
        outbox.add(uuid4(), b"%d" % number)
    assert outbox.stats.dropped == 0
    outbox.settle(Failed("HTTP 502"))
    assert outbox.stats.dropped == 5
    assert outbox.stats.queued == 20


def test_the_bytes_of_the_queue_are_limited() -> None:
    outbox = Outbox(1000, 10, 1.0)
    for _ in range(20):
        outbox.add(uuid4(), b"x" * (QUEUE_BYTES // 10))
    assert outbox.stats.queued == 10
    assert outbox.stats.dropped == 10


def test_a_flush_ends_when_all_that_was_queued_before_it_is_settled() -> None:
    outbox = outbox_with(12)
    ends: list[str] = []
    outbox.flush(lambda: ends.append("first"))
    outbox.add(uuid4(), b"12")
    outbox.take()
    outbox.settle(Recorded())
    assert ends == []
    assert lines_of(outbox.take()) == [10, 11, 12]
    outbox.settle(Recorded())
    assert ends == ["first"]
    outbox.flush(lambda: ends.append("second"))
    assert ends == ["first", "second"]


def test_a_log_handler_that_records_does_not_lock_the_queue(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox = outbox_with(10)

    class Recording(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            outbox.add(uuid4(), b"10")

    logger, handler = logging.getLogger("tocsin_client"), Recording()
    logger.addHandler(handler)
    try:
        outbox.take()
        outbox.settle(Failed("HTTP 502"))
    finally:
        logger.removeHandler(handler)
    assert outbox.stats.queued == 11
    assert "recording failed and is retried: HTTP 502" in caplog.text


def test_a_closed_queue_counts_everything_that_is_left_or_added_as_dropped() -> None:
    outbox = outbox_with(12)
    outbox.take()
    outbox.close()
    assert outbox.settle(Recorded({0: WRONG})) == []
    outbox.add(uuid4(), b"{}")
    assert outbox.stats.dropped == 13
    assert outbox.stats.queued == 0


@pytest.mark.parametrize(("capacity", "batch_size"), [(10, 0), (10, 11), (100_000, 10_001), (0, 0)])
def test_limits_that_cannot_be_kept_are_refused(capacity: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        Outbox(capacity, batch_size, 1.0)


STEPS = st.lists(
    st.one_of(
        st.integers(1, 15),
        st.just("record"),
        st.just("reject"),
        st.just("fail"),
        st.just("split"),
        st.just("restore"),
        st.just("flush"),
    )
)


@settings(max_examples=60)
@given(STEPS)
def test_every_interaction_is_in_exactly_one_count_and_keeps_its_order(
    steps: list[int | str],
) -> None:
    clock = Clock()
    outbox = Outbox(20, 5, 1.0, clock)
    added, last = 0, -1
    for step in steps:
        if isinstance(step, int):
            for _ in range(step):
                outbox.add(uuid4(), b"%d" % added)
                added += 1
        elif step == "flush":
            outbox.flush(lambda: None)
        elif batch := outbox.take():
            lines = lines_of(batch)
            assert lines == sorted(lines)
            assert lines[0] > last
            outcome = outcome_for(step, batch)
            if outcome is None:
                outbox.restore()
                continue
            outbox.settle(outcome)
            if isinstance(outcome, Recorded):
                last = lines[-1]
        clock.now += 31
        stats = outbox.stats
        assert added == stats.queued + stats.recorded + stats.rejected + stats.dropped


def outcome_for(step: str, batch: Batch) -> Outcome | None:
    """The outcome that a step names; None for a sender that ends."""
    outcomes: dict[str, Outcome] = {
        "record": Recorded(),
        "reject": Recorded({len(batch) - 1: WRONG}),
        "fail": Failed("HTTP 502"),
        "split": TooLarge("HTTP 413"),
    }
    return outcomes.get(step)
