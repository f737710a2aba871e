"""The engine and google-re2 agree about every pattern that a definition may have."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import product
from random import Random

import pytest
import re2

from support.engines import open_engine
from support.nasty_pools import NEARLY_NUMERIC_TEXTS, NUMERIC_TEXTS, ODD_TEXTS
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.query_runner import PATTERN_BLOCK_ROWS
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.model.interactions.pattern import engine_pattern, pattern_problem

TOGETHER = 30
LETTERS = ("ab\n", "aé😀")
ATOMS = (
    *("a", "b", "ab", "aba", "é", "😀", "é😀", "x", "1", "A", ".", "[ab]", "[^a]", "[^é]", "[]ab]"),
    *(r"\w", r"\W", r"\d", r"\s", r"\S", r"\pL", r"\PL", r"\p{Lu}", r"\pN", "[[:upper:]]", r"\b"),
    *(r"\B", "^", "$", r"\A", r"\z", r"\C", r"\x61", r"\x{e9}", r"\141", r"\n", "\n", r"\x00"),
    *(r"\Qa.b\E", r"\Qab", r"\.", r"\\", "(?i)", "(?s)", "(?m)", "(?U)", "{", "}", "-", "\0", ""),
)
GROUPS = ("({})", "(?:{})", "(?i:{})", "(?P<n>{})", "(?s:{})", "(?-s:{})", "(?m:{})", "(?U:{})")
QUANTIFIERS = ("*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,3}", "{2,}", "{0,1}", "{,2}")
TEXTS = (
    *(
        "".join(letters)
        for word in LETTERS
        for n in range(5)
        for letters in product(word, repeat=n)
    ),
    *ODD_TEXTS,
    *NUMERIC_TEXTS,
    *NEARLY_NUMERIC_TEXTS,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = open_engine(tmp_path_factory.mktemp("engine"))
    yield opened
    opened.close()


def matches(engine: Engine, patterns: Sequence[str], texts: Sequence[str]) -> list[list[bool]]:
    """For each pattern, whether each text matches in the engine."""
    bind = Binder()
    tests = (f"match(x, {bind.string(engine_pattern(pattern))})" for pattern in patterns)
    columns = ", ".join(f"groupArray({test})" for test in tests)
    text = f"SELECT {columns} FROM (SELECT arrayJoin({bind.strings(texts)}) AS x)"
    (row,) = engine.run(Query(text, bind.parameters))
    return [[bool(each) for each in column] for column in row]


def expected(pattern: str, texts: Sequence[str]) -> list[bool]:
    options = re2.Options()
    options.log_errors = False
    search = re2.compile(pattern, options).search
    return [search(text) is not None for text in map(str.encode, texts)]


def check(engine: Engine, patterns: Sequence[str], texts: Sequence[str] = TEXTS) -> None:
    for pattern, column in zip(patterns, matches(engine, patterns, texts), strict=True):
        pairs = zip(texts, column, expected(pattern, texts), strict=True)
        differences = [text for text, of_engine, of_re2 in pairs if of_engine is not of_re2]
        assert differences == [], pattern


def pattern(rng: Random, levels: int) -> str:
    kind = rng.random()
    if levels == 0 or kind < 0.3:
        return rng.choice(ATOMS)
    if kind < 0.6:
        return "".join(pattern(rng, levels - 1) for _ in range(rng.randint(2, 5)))
    if kind < 0.7:
        return "|".join(pattern(rng, levels - 1) for _ in range(rng.randint(2, 3)))
    if kind < 0.85:
        return rng.choice(GROUPS).format(pattern(rng, levels - 1))
    return rng.choice(("({})", "{}")).format(pattern(rng, levels - 1)) + rng.choice(QUANTIFIERS)


def valid_patterns(rng: Random, count: int) -> list[str]:
    drawn = (pattern(rng, rng.randint(1, 4)) for _ in iter(int, 1))
    valid = (each for each in drawn if len(each) <= 500 and pattern_problem(each) is None)
    return [next(valid) for _ in range(count)]


def check_random(engine: Engine, seed: int, count: int) -> None:
    rng = Random(seed)
    for _ in range(count // TOGETHER):
        check(engine, valid_patterns(rng, TOGETHER))


def test_random_patterns_match_the_same_texts(engine: Engine) -> None:
    check_random(engine, seed=1, count=150)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_thousands_of_random_patterns_match_the_same_texts(engine: Engine, seed: int) -> None:
    check_random(engine, seed=100 + seed, count=1_500)


def test_a_dot_matches_a_line_end_only_with_the_flag_s(engine: Engine) -> None:
    patterns = ["^.$", "(?s)^.$", "(?s:^.$)", "(?-s)^.$", "a.b", "(?s)a.b", "(?s)^.(?-s).$"]
    check(engine, patterns, ["\n", "\r", "a\nb", "axb", "\n\n", "\nx"])
    assert matches(engine, ["^.$", "(?s)^.$"], ["\n", "a"]) == [[False, True], [True, True]]


def test_a_quantifier_applies_to_a_whole_character(engine: Engine) -> None:
    """The engine's search for required literals took it for one of the last byte."""
    check(engine, ["abcé?", "abc😀*", "^é?$", "é{0}abc", "(?:é)?abc", "Σ?abc"], ["abc", "abcé", ""])


def test_blocks_are_smaller_with_patterns(engine: Engine) -> None:
    """The engine checks the deadline of a query between blocks."""
    bind = Binder()
    test = f"NOT match('b', {bind.pattern('a')})"
    text = "SELECT max(blockSize()) FROM numbers(10000) WHERE {}"
    assert engine.run(Query(text.format("1"))) == [(10_000,)]
    assert engine.run(Query(text.format(test), bind.parameters)) == [(PATTERN_BLOCK_ROWS,)]
    result = engine.run_arrow(Query(text.format(test) + " AND number >= 0", bind.parameters))
    assert result.column(0).to_pylist() == [PATTERN_BLOCK_ROWS]


def test_usual_patterns_match_the_same_texts(engine: Engine) -> None:
    lines = [
        "GET /api/v1 200",
        "POST /api/v2 503",
        "error: Timeout\nafter 30s",
        "TIMEOUT",
        "ok",
        "",
    ]
    patterns = [
        *(
            "^(GET|POST) /api/v[12]",
            r" 5\d\d$",
            "(?i)timeout",
            "(?i)error.*after",
            "(?is)error.*after",
        ),
        *(r"\b\d{3}\b", "^$", "time?out|refused", r"[^\x00-\x7f]", r"\Q/api\E", "(?m)^after", "k"),
    ]
    check(engine, patterns, lines)


@pytest.mark.parametrize("repeated", [r"\pL", r"(?i)\pN", r"\p{Greek}", "(a?.?)", r"(.|\pS)"])
def test_a_pattern_that_is_just_small_enough_is_taken_by_the_engine(
    engine: Engine, repeated: str
) -> None:
    size = next(
        n for n in range(1, 1_001) if n == 1_000 or pattern_problem(f"{repeated}{{{n + 1}}}")
    )
    check(engine, [f"{repeated}{{{size}}}"], ["", "aé1", "x" * 2_000, "é1" * 700])


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_the_classes_of_unicode_are_the_same(engine: Engine) -> None:
    """Both have the same tables, so they are of the same version of Unicode. No plane beyond the
    third has letters."""
    points = [chr(c) for c in range(0x34000) if not 0xD800 <= c < 0xE000]
    categories = sorted({unicodedata.category(point) for point in points} - {"Cn", "Cs"})
    classes = [rf"\p{{{name}}}" for name in categories]
    scripts = [rf"\p{{{name}}}" for name in ("Greek", "Han", "Latin", "Cyrillic", "Arabic")]
    folded = ["(?i)[k-s]", "(?i)[α-ω]", "(?i)[а-я]", r"(?i)\p{Lu}", r"\w", r"\s", "[[:punct:]]"]
    for start in range(0, len(points), 20_000):
        check(engine, [*classes, *scripts, *folded], points[start : start + 20_000])
