"""What a form sends means what the API takes."""

from urllib.parse import urlencode

import pytest

from tocsin.web.forms import Form, entered, kind_of
from tocsin.web.payload import short, tree


def conditions(*rows: tuple[str, str, str, str]) -> Form:
    names = ("filterField", "filterOperator", "filterKind", "filterValue")
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


@pytest.mark.parametrize(("kind", "text"), [("number", "3x"), ("number", ""), ("boolean", "yes")])
def test_a_value_that_is_not_of_its_kind_is_a_problem_of_its_row(kind: str, text: str) -> None:
    (problem,) = conditions(("a", "eq", "text", "x"), ("b", "eq", kind, text)).filter_problems()
    assert problem.field == "filters[1].value"


@pytest.mark.parametrize("value", ["x", "", 3, 1.5, 10**30, True, False, None, ["a", "b"], [1, 2]])
def test_what_is_shown_in_a_form_is_read_back_as_it_was(value: object) -> None:
    operator = "in" if isinstance(value, list) else "eq"
    form = conditions(("a", operator, kind_of(value), entered(value)))
    assert form.filters() == [{"field": "a", "operator": operator, "value": value}]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    form = Form(b"name=%ff%fe&name=\xff\x00&x")
    assert form.text("nothing") is None
    assert form.text("name")


def test_a_payload_is_shown_with_all_of_its_digits_and_says_what_it_leaves_out() -> None:
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


def test_a_payload_in_short_is_its_beginning() -> None:
    assert short(b'{"a": 1}') == '"a": 1'
    assert short(b'{"a": "%s"}' % (b"x" * 500)).endswith("x …")
    assert short("ü".encode() * 500).startswith("ü")
