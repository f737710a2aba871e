"""Checks the oracle against examples worked by hand from docs/reference/semantics.md."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support import oracle

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
MS = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
BIG = "1234567890123456789012345678901234567890"


def recorded(payload: str = "{}", ago: timedelta = MINUTE, **own: Any) -> dict[str, Any]:
    scope = {"resourceId": "r1", "resourceType": "user", "action": "login", "origin": "web"}
    return {**scope, "timestamp": AT - ago, "payload": payload, **own}


def answer(metric: dict[str, Any], *interactions: dict[str, Any], limit: int = 10_000) -> Any:
    rows = oracle.calculate({"metricType": "COUNT", **metric}, interactions, AT, limit)["results"]
    return [(row["value"], *(row["dimensions"] or {}).values()) for row in rows]


def value(kind: str, *literals: str, **metric: Any) -> Any:
    """The one value of a metric over field `a`, one interaction for each literal ('' = missing)."""
    data = [recorded(f'{{"a":{literal}}}' if literal else "{}") for literal in literals]
    return answer({"metricType": kind, "field": "interaction.a", **metric}, *data)[0][0]


def holds(literal: str, operator: str, operand: Any = None) -> bool:
    payload = f'{{"a":{literal}}}' if literal else "{}"
    filter_ = {"field": "interaction.a", "operator": operator, "value": operand}
    return oracle.holds(filter_, recorded(payload))


def has(operator: str, operand: Any) -> dict[str, Any]:
    return {"field": "interaction.a", "operator": operator, "value": operand}


@pytest.mark.parametrize(
    ("tree", "literals"),
    [
        ({"any": [has("eq", 1), has("eq", "x")]}, ("1", '"1"', '"x"')),
        ({"all": [has("gt", 0), has("lt", 2)]}, ("1", '"1"')),
        ({"not": has("eq", 1)}, ("", "null", '"x"', "-0.0", "[1]")),
        ({"not": has("gt", 0)}, ("", "null", '"x"', "-0.0", "[1]")),
        ({"not": {"any": [has("eq", 1), has("eq", None)]}}, ('"x"', "-0.0")),
        ({"all": [{"any": [has("eq", 1), {"not": has("neq", "x")}]}]}, ("1", '"1"', '"x"')),
        (has("matches", r"^\d$"), ("1", '"1"')),
        (has("matches", ""), ("1", '"1"', '"x"', "-0.0")),
    ],
)
def test_a_filter_tree_holds_for_these_values(tree: dict[str, Any], literals: Any) -> None:
    values = ("", "null", "1", '"1"', '"x"', "-0.0", "[1]")
    payloads = {value: f'{{"a":{value}}}' if value else "{}" for value in values}
    assert [v for v in values if oracle.holds(tree, recorded(payloads[v]))] == [
        v for v in values if v in literals
    ]


# Which interactions count


@pytest.mark.parametrize(
    ("ago", "counts"),
    [(-MS, 0), (MS * 0, 1), (5 * MINUTE - MS, 1), (5 * MINUTE, 0), (5 * MINUTE + MS, 0)],
)
def test_a_window_holds_its_end_and_not_its_start(ago: timedelta, counts: int) -> None:
    assert answer({"timeWindow": "5m"}, recorded(ago=ago)) == [(counts,)]


def test_without_a_window_all_time_counts_up_to_at() -> None:
    data = [recorded(ago=timedelta(days=20_000)), recorded(ago=MS * 0), recorded(ago=-MS)]
    assert answer({}, *data) == [(2,)]


def test_a_scope_left_out_matches_all_and_filters_must_all_hold() -> None:
    data = [recorded(), recorded(action="logout"), recorded(origin="app", userId="7")]
    assert answer({"action": None}, *data) == [(3,)]
    assert answer({"action": "login"}, *data) == [(2,)]
    assert answer({"action": "login", "origin": "app", "resourceType": "user"}, *data) == [(1,)]
    filters = [{"field": name, "operator": "exists"} for name in ("userId", "resourceId")]
    assert answer({"filters": filters}, *data) == [(1,)]


# Fields, texts and numbers


def test_a_dot_in_a_key_is_escaped_and_a_nested_key_is_not() -> None:
    interaction = recorded(r'{"a.b":1,"a":{"b":2},"c\\d":3,"e\\.f":4}')
    fields = ["a.b", r"a\.b", r"c\\d", r"e\\\.f", r"e\\.f"]
    actual = [oracle.text_of(oracle.value_at(interaction, f"interaction.{f}")) for f in fields]
    assert actual == ["2", "1", "3", "4", None]
    assert oracle.field_of(["e\\.f", "g"]) == r"interaction.e\\\.f.g"
    assert oracle.keys_of(r"interaction.e\\\.f.g") == ("e\\.f", "g")


@pytest.mark.parametrize(
    "field",
    [
        "interaction", "interaction.", "interaction.a..b", "interaction.a.", "interaction..a",
        "timestamp", "a", r"interaction.a\b", "interaction.a\\", "ResourceId", "",
    ],
)  # fmt: skip
def test_any_other_spelling_is_no_field(field: str) -> None:
    with pytest.raises(ValueError):
        oracle.keys_of(field)


@pytest.mark.parametrize(
    ("literal", "text", "number"),
    [
        ("7", "7", 7), ("-0", "0", 0), ("-0.0", "-0", 0), ("1.0", "1", 1), ("1.50", "1.5", 1.5),
        ("1e2", "100", 100), ("1e22", "1e22", 1e22), ("1E21", "1e21", 1e21), ("1e-7", "1e-7", 1e-7),
        ("0.000001", "0.000001", 1e-6), ("1.25e-10", "1.25e-10", 1.25e-10),
        ("123456789012345680000.0", "123456789012345680000", 123456789012345680000.0),
        ("9007199254740993", "9007199254740993", 2.0**53), (BIG, BIG, float(BIG)),
        ("5e-324", "5e-324", 5e-324), ("1e-400", "0", 0), ('"1e-400"', "1e-400", 0),
        ("true", "true", None), ("false", "false", None), ("null", None, None), ("{}", None, None),
        ("[1]", None, None), ('"x"', "x", None), ('"12"', "12", 12), ('"-0"', "-0", 0),
        ('"-1.5e3"', "-1.5e3", -1500), ('"true"', "true", None),
    ],
)  # fmt: skip
def test_a_value_has_its_text_and_its_number(
    literal: str, text: str | None, number: float | None
) -> None:
    actual = oracle.value_at(recorded(f'{{"a":{literal}}}'), "interaction.a")
    assert (oracle.text_of(actual), oracle.number_of(actual)) == (text, number)


@pytest.mark.parametrize(
    "text",
    [
        " 12", "12 ", "12\n", "1_000", "0x1", "+1", "01", "-", "1.", ".5", "1e", "inf", "Infinity",
        "NaN", "", "1e999", "-1e999", "٣", "1,5", "true", "9" * 400,
    ],
)  # fmt: skip
def test_a_string_that_is_not_exactly_a_finite_json_number_is_none(text: str) -> None:
    assert oracle.number_of(text) is None


def test_own_columns_are_strings_and_a_numeric_one_has_a_number() -> None:
    data = [recorded(resourceId="12"), recorded(resourceId="x"), recorded(resourceId="3")]
    assert answer({"metricType": "SUM", "field": "resourceId"}, *data) == [(15,)]
    upper = recorded(uowId="0190A1B2-0000-7000-8000-00000000000F")
    assert oracle.value_at(upper, "uowId") == "0190a1b2-0000-7000-8000-00000000000f"


def test_keys_are_never_looked_up_in_arrays() -> None:
    assert oracle.value_at(recorded('{"a":[{"b":1}]}'), "interaction.a.b") is None


# Filters: every row of the table

YES = [
    ('"x"', "eq", "x"), ("3", "eq", "3"), ("1.0", "eq", "1"), ("true", "eq", "true"),
    ("3", "eq", 3), ('"3"', "eq", 3), ('"3.0"', "eq", 3), ("3.0", "eq", 3), ("-0.0", "eq", 0),
    ("9007199254740993", "eq", 2**53), ("true", "eq", True), ('"false"', "eq", False),
    ("null", "eq", None), ("", "eq", None), ("{}", "eq", None), ("[1]", "eq", None),
    ("", "neq", 3), ("", "neq", "x"), ("4", "neq", 3), ("4", "neq", None), ("true", "neq", 1),
    ("[3]", "neq", 3), ("3", "gt", 2), ('"3"', "gt", 2), ("10", "gt", "9"), ('"10"', "gt", "9"),
    ("3", "gte", 3), ("2", "lt", 2.5), ("2", "lte", "2.0"), ('"b"', "gt", "a"), ('"a"', "lt", "b"),
    ('"2026-03-20"', "gte", "2026-03-19T23"), ('"\U0001f600"', "gt", "\uffff"), ('"Z"', "lt", "a"),
    ('"12"', "lt", "1e999"), ('"hello"', "contains", "ell"), ("123", "contains", 2),
    ('"hello"', "contains", ""), ("true", "contains", "ru"), ('["a","b"]', "contains", "b"),
    ("[1.0,2.5]", "contains", 1), (f"[{BIG}]", "contains", int(BIG)),
    ("[true]", "contains", "true"),
    ("3", "in", ["x", "3"]), ("", "in", ["x", None]), ('"3"', "in", [3]), ("4", "not_in", [3, "x"]),
    ("", "not_in", [3]), ("4", "not_in", [None]), ("{}", "exists", None), ("[]", "exists", None),
    ("false", "exists", None), ('{"b":null}', "exists", None), ("", "not_exists", None),
    ("null", "not_exists", None), ("123", "starts_with", "12"), ('"ab"', "ends_with", "b"),
    ('"ab"', "starts_with", ""), ("1e22", "ends_with", "e22"),
]  # fmt: skip
NO = [
    ('"X"', "eq", "x"), ("1.0", "eq", "1.0"), ("-0.0", "eq", "0"), ("", "eq", ""),
    ("{}", "eq", "{}"),
    ("[1]", "eq", 1), ("true", "eq", 1), ('" 3"', "eq", 3), ('"x"', "eq", 3), ("1", "eq", True),
    ("false", "eq", True), ('"True"', "eq", True), ("0", "eq", None), ('""', "eq", None),
    ("", "neq", None), ("{}", "neq", None), ('"3"', "neq", 3), ("2", "gt", 2), ("true", "gt", 0),
    ("", "lt", 5), ('"x"', "gt", 1), ("{}", "gte", 0), ("5", "gt", "a"), (BIG, "gt", "/x"),
    ("true", "gt", "a"), ('"x"', "gt", "1"), ("[5]", "gt", 1), ('"Hello"', "contains", "hello"),
    ('["ab"]', "contains", "a"), ("[[1]]", "contains", 1), ("[null]", "contains", "null"),
    ('{"b":1}', "contains", "b"), ("", "contains", ""), ("[]", "contains", ""),
    ("3", "in", ["x", None]), ("", "in", ["x"]), ("3", "not_in", ["3"]), ("", "not_in", [1, None]),
    ("null", "exists", None), ("", "exists", None), ("0", "not_exists", None),
    ('"ab"', "starts_with", "b"), ("", "starts_with", ""), ('["ab"]', "starts_with", "a"),
    ("1.0", "ends_with", ".0"),
]  # fmt: skip


@pytest.mark.parametrize(("literal", "operator", "operand"), YES)
def test_the_filter_holds(literal: str, operator: str, operand: Any) -> None:
    assert holds(literal, operator, operand)


@pytest.mark.parametrize(("literal", "operator", "operand"), NO)
def test_the_filter_does_not_hold(literal: str, operator: str, operand: Any) -> None:
    assert not holds(literal, operator, operand)


# Aggregations


@pytest.mark.parametrize(
    ("kind", "nothing"),
    [("COUNT", 0), ("SUM", 0), ("AVG", None), ("MIN", None), ("MAX", None), ("DISTINCT_COUNT", 0)],
)
def test_over_nothing_each_type_has_its_value(kind: str, nothing: int | None) -> None:
    assert value(kind) == nothing
    assert kind == "COUNT" or value(kind, "true", "", "[1]" if kind != "AVG" else "null") == (
        1 if kind == "DISTINCT_COUNT" else nothing
    )


def test_numbers_are_aggregated_and_all_else_is_left_out() -> None:
    literals = ("1", '"2.5"', "-4", "true", "null", "", '" 9"', "[9]", '"1e999"')
    actual = {kind: value(kind, *literals) for kind in ("SUM", "AVG", "MIN", "MAX", "COUNT")}
    assert actual == {"SUM": -0.5, "AVG": -0.166666666666667, "MIN": -4, "MAX": 2.5, "COUNT": 9}


def test_sums_are_exact_and_null_only_past_what_a_double_holds() -> None:
    huge = "1.7976931348623157e308"
    assert value("SUM", huge, huge, "-" + huge) == float(huge)
    assert value("SUM", huge, huge) is None
    assert value("AVG", huge, huge) == float(huge)
    assert value("SUM", "1e22", "1", "-1e22") == 1


def test_distinct_count_counts_texts() -> None:
    assert value("DISTINCT_COUNT", "1", '"1"', "1.0", "true", '"true"', "-0.0", "-0", "{}", "") == 4


@pytest.mark.parametrize(
    ("window", "rate", "unit"),
    [("5m", 0.6, "per minute"), ("24h", 0.125, "per hour"), ("6d", 0.5, "per day")],
)
def test_a_rate_is_per_unit_of_its_window(window: str, rate: float, unit: str) -> None:
    metric = {"metricType": "RATE", "timeWindow": window}
    rows = oracle.calculate(metric, [recorded()] * 3, AT)["results"]
    assert rows == [{"value": rate, "dimensions": None, "unit": unit}]
    assert oracle.calculate(metric, [], AT)["results"][0]["value"] == 0


# Grouping


def test_a_dimension_key_is_the_field_with_one_underscore_for_each_odd_character() -> None:
    keys = [oracle.dimension_key(field) for field in ("resourceId", "interaction.user.plan")]
    assert keys == ["resourceId", "interaction_user_plan"]
    assert oracle.dimension_key(r"interaction.a\.b") == "interaction_a__b"
    assert oracle.dimension_key("interaction.größe ٣-😀_é") == "interaction_größe_٣___é"
    assert oracle.dimension_key("interaction.e\u0301") == "interaction_e_"


def test_groups_are_texts_and_missing_is_one_of_them_and_the_order_is_total() -> None:
    literals = ["1", '"1"', "1.0", "null", "{}", '"b"', '"a"', '"a"', '"b"', "[1]", '"é"']
    data = [recorded(f'{{"a":{literal}}}') for literal in literals]
    expected = [(3, "1"), (3, None), (2, "a"), (2, "b"), (1, "é")]
    assert answer({"groupBy": ["interaction.a"]}, *data) == expected


def test_null_values_come_last_and_grouped_over_nothing_has_no_rows() -> None:
    data = [
        recorded(f'{{"a":{a}}}', userId=user) for a, user in [(-5, "x"), ("null", "a"), (0, "y")]
    ]
    metric = {"metricType": "AVG", "field": "interaction.a", "groupBy": ["userId"]}
    assert answer(metric, *data) == [(0, "y"), (-5, "x"), (None, "a")]
    assert answer(metric) == []
    assert answer({"metricType": "AVG", "field": "interaction.a"}) == [(None,)]


def test_a_cut_is_reported() -> None:
    data = [recorded(userId=user) for user in "abca"]
    metric = {"metricType": "COUNT", "groupBy": ["userId"]}
    cut = oracle.calculate(metric, data, AT, limit=1)
    rows = [{"value": 2, "dimensions": {"userId": "a"}}]
    assert cut == {"results": rows, "truncated": True, "groupCount": 3}
    assert set(oracle.calculate(metric, data, AT, limit=3)) == {"results"}


# Series and discovery


def test_points_stand_back_from_to_and_absent_groups_have_what_nothing_has() -> None:
    data = [
        recorded(userId="a", ago=MINUTE * 5),
        recorded(userId="b", ago=MINUTE),
        recorded(ago=-MINUTE),
    ]
    metric = {"metricType": "COUNT", "groupBy": ["userId"]}
    actual = oracle.series(metric, data, AT - MINUTE * 10, AT, MINUTE * 5)
    lines = [
        (line["dimensions"], [p["value"] for p in line["points"]]) for line in actual["series"]
    ]
    assert lines == [({"userId": "b"}, [0, 1]), ({"userId": "a"}, [1, 0])]
    assert [p["at"] for p in actual["series"][0]["points"]] == [AT - MINUTE * 5, AT]
    assert len(oracle.instants(AT - MINUTE * 10 - MS, AT, MINUTE * 5)) == 3


def test_an_absent_group_of_an_average_is_null_and_ranks_last() -> None:
    data = [recorded('{"a":-1}', userId="b"), recorded('{"a":9}', userId="a", ago=MINUTE * 6)]
    metric = {"metricType": "AVG", "field": "interaction.a", "groupBy": ["userId"]}
    lines = oracle.series(metric, data, AT - MINUTE * 10, AT, MINUTE * 5)["series"]
    actual = [[point["value"] for point in line["points"]] for line in lines]
    assert actual == [[None, -1], [9, None]]


def test_a_windowed_series_slides() -> None:
    metric = {"metricType": "COUNT", "timeWindow": "1h"}
    actual = oracle.series(metric, [recorded(ago=MINUTE * 9)], AT - MINUTE * 10, AT, MINUTE * 5)
    assert [p["value"] for p in actual["series"][0]["points"]] == [1, 1]


def test_discovery_lists_leaves_with_their_types() -> None:
    first = r'{"a.b":1,"a":{"b":"x","n":null,"":2,"o":{}},"l":[{"x":1}],"":{"y":1},"\\":true}'
    actual = oracle.discover([recorded(first), recorded('{"a":{"b":2.5}}'), recorded('{"a":"s"}')])
    assert {name: (entry["types"], entry["occurrences"]) for name, entry in actual.items()} == {
        "interaction.a": (["string"], 1),
        "interaction.a.b": (["number", "string"], 2),
        r"interaction.a\.b": (["number"], 1),
        "interaction.l": (["array"], 1),
        "interaction.\\\\": (["boolean"], 1),
    }
    assert list(actual) == sorted(actual)


# Refusals


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("[]", "not an object"), ("null", "not an object"), ('{"a":1,"\\u0061":2}', "twice"),
        ('{"l":[{"a":1,"a":1}]}', "twice"), ('{"a":1e999}', "no double"),
        ('{"a":[-1e400]}', "no double"), ('{"a":1' + "0" * 400 + "}", "no double"),
        (r'{"a":"\ud800"}', "surrogate"), (r'{"\udc00":1}', "surrogate"),
        (r'{"a":"\ude00\ud83d"}', "surrogate"), ('{"x%2Ey":1}', "%2E"),
        ('{"l":[{"%2E":1}]}', "%2E"), ('{"a":' * 64 + "{}" + "}" * 64, "64 levels"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "64 levels"),
        ('{"a":' + "[" * 64 + "]" * 64 + "}", "64 levels"),
        ('{"a":"' + "é" * 2**19 + '"}', "1 MiB"), ('{"a":NaN}', "not JSON"),
        ("{'a':1}", "not JSON"), (json.dumps({str(n): n for n in range(2001)}), "2,000"),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_payload_is_refused_with_its_reason(payload: str, reason: str) -> None:
    assert reason in (oracle.refuses(payload) or "")


@pytest.mark.parametrize(
    "payload",
    [
        "{}", '{"":{"":1}}', '{"a.b":1,"a":{"b":2}}', '{"a%2eb":1,"a%2":2}', '{"a":1e-400}',
        r'{"a":"\ud83d\ude00\u0000"}', '{"a":' * 63 + "{}" + "}" * 63, '{"e\u0301":1,"é":2}',
        json.dumps({str(n): n for n in range(2000)}), '{"a":"' + "x" * (2**20 - 8) + '"}',
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_anything_else_is_accepted(payload: str) -> None:
    assert oracle.refuses(payload) is None


# PERCENTILE and LATEST


@pytest.mark.parametrize(
    ("percentile", "expected"),
    [(0.001, 1), (25, 1), (25.001, 2), (50, 2), (50.001, 3), (75, 3), (75.001, 4), (100, 4)],
)
def test_a_percentile_is_the_nearest_rank(percentile: float, expected: int) -> None:
    # In any order, with values that are no numbers.
    assert value("PERCENTILE", "3", "true", '"1"', "", "4", "2", percentile=percentile) == expected


def test_a_percentile_of_one_number_is_that_number_and_of_none_null() -> None:
    assert value("PERCENTILE", "7", percentile=0.001) == 7
    assert value("PERCENTILE", "7", percentile=100) == 7
    assert value("PERCENTILE", "true", "", percentile=50) is None


def test_ranks_are_computed_without_rounding() -> None:
    """In doubles, 0.29 * 100 is 28.999999999999996 and 64.1 * 10 is 640.9999999999999."""
    hundred = [str(number) for number in range(1, 101)]
    assert value("PERCENTILE", *hundred, percentile=29) == 29
    thousand = [str(number) for number in range(1, 1_001)]
    assert value("PERCENTILE", *thousand, percentile=64.1) == 641


def test_the_latest_number_is_that_of_the_latest_timestamp_then_of_the_last_recorded() -> None:
    metric = {"metricType": "LATEST", "field": "interaction.a"}
    early, late = recorded('{"a":1}', 2 * MINUTE), recorded('{"a":2}', MINUTE)
    nothing = recorded('{"a":"x"}', MS * 0)
    assert answer(metric, late, early, nothing) == [(2,)]
    assert answer(metric, late, recorded('{"a":3}', MINUTE), early) == [(3,)]
    assert answer(metric, nothing) == [(None,)]
