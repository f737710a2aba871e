"""The text of the parts of exact sums; their values are under test in
`differential/test_exact_sums.py`."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tocsin.clickhouse.sql.exact_sums import Alias, parts, whole_parts
from tocsin.clickhouse.sql.query import Aliases


@pytest.mark.parametrize("split", [parts, whole_parts])
def test_a_part_without_aliases_has_the_number_at_most_three_times(
    split: Callable[[str, Alias], list[str]],
) -> None:
    """A distributed table sends such a text: with the number sixteen times, analyzing it took
    longer than the sum."""
    aliases = Aliases()
    expressions = split("number", aliases)
    by_name = {name: text for text, _, name in (d.rpartition(" AS ") for d in aliases.definitions)}

    def expanded(text: str) -> str:
        return re.sub(r"\bx\d+\b", lambda match: f"({expanded(by_name[match[0]])})", text)

    assert max(expanded(text).count("number") for text in expressions) <= 3
