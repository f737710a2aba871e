"""A window is covered without a gap and without an overlap, by few cells."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tocsin.metrics.rollups.buckets import BEFORE_ALL, LENGTHS, MINUTE, cover, smaller

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
instants = st.integers(0, 8 * 10**12)
widths = st.sampled_from([MINUTE, 5 * MINUTE, HOUR, DAY, 7 * DAY, 400 * DAY]) | st.integers(
    1, 3_650 * DAY
)


@given(end=instants, width=widths | st.none())
def test_every_instant_of_a_window_lies_in_one_cell_or_edge(end: int, width: int | None) -> None:
    begin = BEFORE_ALL if width is None else end - width
    found = cover(begin, end)
    spans = [(s.after * LENGTHS[s.level], s.upto * LENGTHS[s.level]) for s in found.stretches]
    spans = sorted(spans + [(edge.after, edge.upto) for edge in found.edges])
    assert spans[0][0] == begin
    assert spans[-1][1] == end
    assert all(one[1] == next[0] for one, next in pairwise(spans))


@given(end=instants, width=widths)
def test_a_window_takes_few_cells_and_its_edges_lie_in_different_minutes(
    end: int, width: int
) -> None:
    found = cover(end - width, end)
    assert sum(len(stretch.cells) for stretch in found.stretches) < 2 * (60 + 24 + 32) + 128
    assert len({-(-edge.upto // MINUTE) for edge in found.edges}) == len(found.edges)


def test_a_day_at_midnight_is_one_cell() -> None:
    (stretch,) = cover(19 * DAY, 20 * DAY).stretches
    assert stretch == (2, 19, 20)
    assert cover(19 * DAY, 20 * DAY).edges == ()


def test_a_cell_is_made_up_of_the_smaller_ones_in_it() -> None:
    assert smaller(1, 1) == (0, 0, 60)
    assert list(smaller(3, 2).cells) == list(range(33, 65))
