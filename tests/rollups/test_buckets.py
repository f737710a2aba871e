"""Windows consist of few buckets and of edges, without gaps and overlaps."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tocsin.metrics.rollups.buckets import BEFORE_ALL, LENGTHS, MINUTE, children, decompose

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
instants = st.integers(0, 8 * 10**12)
widths = st.sampled_from([MINUTE, 5 * MINUTE, HOUR, DAY, 7 * DAY, 400 * DAY]) | st.integers(
    1, 3_650 * DAY
)


@given(end=instants, width=widths | st.none())
def test_every_instant_of_a_window_is_in_one_bucket_or_edge(end: int, width: int | None) -> None:
    begin = BEFORE_ALL if width is None else end - width
    parts = decompose(begin, end)
    spans = [(r.after * LENGTHS[r.level], r.upto * LENGTHS[r.level]) for r in parts.ranges]
    spans = sorted(spans + [(edge.after, edge.upto) for edge in parts.edges])
    assert spans[0][0] == begin
    assert spans[-1][1] == end
    assert all(span[1] == next[0] for span, next in pairwise(spans))


@given(end=instants, width=widths)
def test_a_window_has_few_buckets_and_its_edges_are_in_different_minutes(
    end: int, width: int
) -> None:
    parts = decompose(end - width, end)
    assert sum(len(range_.buckets) for range_ in parts.ranges) < 2 * (60 + 24 + 32) + 128
    assert len({-(-edge.upto // MINUTE) for edge in parts.edges}) == len(parts.edges)


def test_a_day_up_to_midnight_is_one_bucket() -> None:
    (range_,) = decompose(19 * DAY, 20 * DAY).ranges
    assert range_ == (2, 19, 20)
    assert decompose(19 * DAY, 20 * DAY).edges == ()


def test_a_bucket_consists_of_the_shorter_ones_in_it() -> None:
    assert children(1, 1) == (0, 0, 60)
    assert list(children(3, 2).buckets) == list(range(33, 65))
