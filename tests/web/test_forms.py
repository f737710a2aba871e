"""A form sends the same definitions as the API."""

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import nasty_definitions as nasty
from tocsin.errors import TooLarge
from tocsin.web.filter_outline import rows_of
from tocsin.web.filter_rows import Condition
from tocsin.web.forms import Form
from tocsin.web.interaction_search import address_of, counting
from tocsin.web.payload_tree import short, tree
from tocsin.web.quoting import quoted, read_pairs, unquoted, write_pairs


def conditions(*rows: tuple[str, str, str, str]) -> Form:
    names = ("filterField", "filterOperator", "filterKind", "filterValue")
    pairs = [pair for row in rows for pair in zip(names, row, strict=True)]
    return Form(urlencode(pairs).encode())


def outline(*rows: tuple[str, str, str, str, str]) -> Form:
    names = ("filterLevel", "filterField", "filterOperator", "filterKind", "filterValue")
    pairs = [pair for row in rows for pair in zip(names, row, strict=True)]
    return Form(urlencode(pairs).encode())


@pytest.mark.parametrize(
    ("row", "filter"),
    [
        (("a", "eq", "text", " x "), {"operator": "eq", "value": " x "}),
        (("a", "eq", "text", "3"), {"operator": "eq", "value": "3"}),
        (("a", "eq", "number", " 3 "), {"operator": "eq", "value": 3}),
        (("a", "eq", "number", "1" * 40), {"operator": "eq", "value": int("1" * 40)}),
        (("a", "eq", "boolean", "true"), {"operator": "eq", "value": True}),
        (("a", "eq", "null", "ignored"), {"operator": "eq", "value": None}),
        (("a", "eq", "text", "a\r\nb"), {"operator": "eq", "value": "a\nb"}),
        (("a", "in", "text", "x\r\ny z\r\n"), {"operator": "in", "value": ["x", "y z"]}),
        (("a", "in", "number", "1\n2.5"), {"operator": "in", "value": [1, 2.5]}),
        (("a", "in", "null", ""), {"operator": "in", "value": [None]}),
        (("a", "in", "json", ' ["US", null, ""] '), {"operator": "in", "value": ["US", None, ""]}),
        (("a", "eq", "json", '"a\\r\\n"'), {"operator": "eq", "value": "a\r\n"}),
        (("a", "eq", "json", "null"), {"operator": "eq", "value": None}),
        (("a", "exists", "text", "ignored"), {"operator": "exists"}),
        (("a", "", "", "x"), {"operator": "eq", "value": "x"}),
    ],
)
def test_a_row_of_the_form_is_a_filter(
    row: tuple[str, str, str, str], filter: dict[str, object]
) -> None:
    form = conditions(("", "eq", "text", "a row without a field says nothing"), row)
    assert form.filters() == [{"field": "a", **filter}]
    assert form.filter_problems() == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("number", "3x"), ("number", ""), ("boolean", "yes"), ("json", "US"), ("json", "")),
        *(("json", "[" * 100_000), ("json", '"\\ud800"'), ("number", "9" * 5_000)),
    ],
)
def test_a_value_that_is_not_of_its_kind_is_a_problem_of_its_row(kind: str, text: str) -> None:
    (problem,) = conditions(("a", "eq", "text", "x"), ("b", "eq", kind, text)).filter_problems()
    assert problem.field == "filters[1].value"


@pytest.mark.parametrize(
    ("operator", "value", "kind", "text"),
    [
        ("eq", "x", "text", "x"),
        ("eq", "", "text", ""),
        ("eq", "12", "text", "12"),
        ("eq", 12, "number", "12"),
        ("eq", 1.0, "number", "1.0"),
        ("eq", True, "boolean", "true"),
        ("eq", None, "null", ""),
        ("eq", " x", "json", '" x"'),
        ("eq", "a\nb\u200b", "json", r'"a\nb\u200b"'),
        ("in", ["US", "ZA"], "text", "US\nZA"),
        ("in", [1, 2.5], "number", "1\n2.5"),
        ("in", ["US", None], "json", '["US", null]'),
        ("in", ["US", ""], "json", '["US", ""]'),
        ("in", [1, "1"], "json", '[1, "1"]'),
        ("in", [True, 1], "json", "[true, 1]"),
    ],
)
def test_a_value_is_shown_in_the_simplest_kind(
    operator: str, value: object, kind: str, text: str
) -> None:
    shown = Condition.of({"field": "resourceId", "operator": operator, "value": value})
    assert (shown.kind, shown.text) == (kind, text)


@given(filter=nasty.filters())
def test_a_displayed_condition_is_read_back_unchanged(filter: dict[str, object]) -> None:
    shown = Condition.of(filter)
    read = conditions((shown.field, shown.operator, shown.kind, shown.text))
    assert repr(read.filters()) == repr([filter])
    assert read.filter_problems() == []


@given(filters=st.lists(nasty.trees(), max_size=3))
def test_a_displayed_outline_of_trees_is_read_back_unchanged(
    filters: list[dict[str, object]],
) -> None:
    rows = rows_of(filters)
    read = outline(*((str(r.level), r.field, r.operator, r.kind, r.text) for r in rows))
    assert repr(read.filters()) == repr(filters)
    assert read.conditions() == rows
    assert read.filter_problems() == []
    assert repr(Form(counting(read)).filters()) == repr(filters)


def test_rows_of_an_outline_have_the_paths_of_their_filters() -> None:
    form = outline(
        ("0", "", "any", "", ""),
        ("1", "a", "eq", "number", "x"),
        ("1", "", "not", "", ""),
        ("2", "b", "eq", "text", "1"),
        ("2", "c", "eq", "number", "y"),
        ("0", "", "not", "", ""),
        ("1", "", "all", "", ""),
        ("2", "d", "eq", "number", ""),
    )
    assert [row.path for row in form.conditions()] == [
        *("filters[0]", "filters[0].any[0]", "filters[0].any[1]"),
        *("filters[0].any[1].not.any[0]", "filters[0].any[1].not.any[1]"),
        *("filters[1]", "filters[1].not", "filters[1].not.all[0]"),
    ]
    paths = [problem.field for problem in form.filter_problems()]
    assert paths == [
        "filters[0].any[0].value",
        "filters[0].any[1].not.any[1].value",
        "filters[1].not.all[0].value",
    ]
    assert [form.is_empty(path) for path in paths] == [False, False, True]


@pytest.mark.parametrize("level", ["5", "-1", "x", "1" * 5_000, "٣", ""])
def test_a_level_without_a_group_above_belongs_to_the_group_before(level: str) -> None:
    form = outline(("0", "", "any", "", ""), (level, "a", "exists", "", ""))
    expected = [{"field": "a", "operator": "exists"}]
    inside, beside = [{"any": expected}], [{"any": []}, *expected]
    assert form.filters() == (inside if level in ("5", "٣") else beside)


@given(text=nasty.texts())
def test_a_quoted_text_is_read_back_unchanged(text: str) -> None:
    assert unquoted(quoted(text).strip()) == text
    assert "\n" not in quoted(text)


@given(pairs=st.dictionaries(nasty.texts(), st.none() | nasty.texts()), sign=st.sampled_from("=:"))
def test_displayed_pairs_are_read_back_unchanged(pairs: dict[str, str | None], sign: str) -> None:
    lines = write_pairs(pairs, sign).split("\n") if pairs else []
    assert list(read_pairs(lines, sign, nullable=True).items()) == list(pairs.items())


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("team=payments", ("team", "payments")),
        (" team = a=b ", ("team", "a=b")),
        ("team", ("team", "")),
        ('"a=b"="x\\ny"', ("a=b", "x\ny")),
        ('"a=b"', ("a=b", "")),
        ('say="hi" he wrote', ("say", '"hi" he wrote')),
    ],
)
def test_a_label_is_a_line(line: str, pair: tuple[str, str]) -> None:
    assert read_pairs([line], "=") == dict([pair])


def test_an_edited_text_keeps_its_line_ends() -> None:
    original = {"was.a": '"one\\r\\ntwo "', "was.b": '""'}
    assert Form(urlencode({**original, "a": "one\r\ntwo "})).text("a") == "one\r\ntwo "
    assert Form(urlencode({**original, "a": "one\r\n2\r\n"})).text("a") == "one\r\n2\r\n"
    assert Form(urlencode({"a": " one\r\n2\r\n"})).text("a") == "one\n2"
    assert Form(urlencode({**original, "b": ""})).text("b") == ""
    assert Form(urlencode({**original, "b": " x "})).text("b") == "x"
    assert Form(urlencode({"was.a": "[1]", "a": " x"})).text("a") == "x"


def test_a_search_that_becomes_a_metric_keeps_every_condition() -> None:
    rows = (
        ("interaction.a", "eq", "null", ""),
        ("interaction.b", "in", "json", '["US", null]'),
        ("interaction.c", "exists", "text", ""),
        ("interaction.d", "eq", "text", ""),
    )
    search = f"{urlencode({'resourceId': '12', 'uowId': 'A' * 32})}&{conditions(*rows).query()}"
    filled = Form(counting(Form(search))).filters()
    id = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
    assert filled == [
        {"field": "resourceId", "operator": "eq", "value": "12"},
        {"field": "uowId", "operator": "eq", "value": id},
        *conditions(*rows).filters(),
    ]


def test_the_address_of_the_next_page_has_the_same_search() -> None:
    form = conditions(("a", "eq", "text", ""), ("b", "eq", "null", ""), ("c", "eq", "text", "x"))
    assert Form(form.query(without=["cursor"])).filters() == form.filters()


@given(text=nasty.texts(1))
def test_a_link_can_search_for_any_text_in_a_column(text: str) -> None:
    query = address_of("resourceId", text)
    named = {"field": "resourceId", "operator": "eq", "value": text}
    form = Form(query)
    assert parse_qs(query)
    assert form.text("resourceId") == text or form.filters() == [named]


def test_a_form_with_too_many_fields_is_rejected() -> None:
    with pytest.raises(TooLarge, match="at most 2,000 fields"):
        Form("&".join(["a=b"] * 2_001))


def test_bytes_that_are_not_utf_8_are_no_error() -> None:
    form = Form(b"name=%ff%fe&name=\xff\x00&x")
    assert form.text("nothing") is None
    assert form.text("name")


def test_a_payload_is_shown_with_all_digits_and_counts_omitted_members() -> None:
    number, fraction, many, *_ = tree(
        b'{"n": 123456789012345678901234567890, "f": 1.0, "m": [%s]}' % b",".join([b"1"] * 1_000)
    )
    assert (number.text, fraction.text) == ("123456789012345678901234567890", "1.0")
    assert (many.text, len(many.members), many.left_out) == ("1,000 elements", 200, 800)


def test_a_deep_payload_is_shown_whole() -> None:
    deep = tree(b'{"a":' * 63 + b"1" + b"}" * 63)
    levels = 0
    while deep:
        levels, deep = levels + 1, deep[0].members
    assert levels == 63


def test_the_short_form_of_a_payload_is_its_beginning() -> None:
    assert short(b'{"a": 1}') == '"a": 1'
    assert short(b'{"a": "%s"}' % (b"x" * 500)).endswith("x …")
    assert short("ü".encode() * 500).startswith("ü")
