"""Filter trees: the accepted ones, their texts, and the problems of others with their paths."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tocsin.errors import InvalidInput
from tocsin.model.interactions.filter_tree import leaves, leaves_by_path, read_filter
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.store.catalog import Catalog

LEAF = {"field": "interaction.a", "operator": "eq", "value": 1}
PATTERN = {"field": "interaction.a", "operator": "matches", "value": "^a.b$"}
MATCHES = "interaction.a matches ^a.b$"
USUAL = ("", "a" * 500, "é" * 500, "\0", r"^\p{Lu}\pL+$", ".{370}", r"^[\w.+-]{1,64}@\w+\.\w+$")


def question(catalog: Catalog, *filters: Any) -> Question:
    body = {"metricType": "COUNT", "filters": list(filters)}
    return read_metric(body, catalog, name_required=False)[1]


def problems(catalog: Catalog, *filters: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        question(catalog, *filters)
    return {problem.field: problem.message for problem in raised.value.problems}


def nested(levels: int, tree: dict[str, Any] = LEAF) -> dict[str, Any]:
    for level in range(levels):
        tree = {"any": [tree]} if level % 2 else {"not": tree}
    return tree


TREES = [
    {"any": [LEAF]},
    {"any": [LEAF, {"not": PATTERN}, {"all": [LEAF, PATTERN]}]},
    {"not": LEAF},
    {"not": {"not": {"any": [LEAF, {**LEAF, "value": [1, None]} | {"operator": "in"}]}}},
    {"all": [LEAF] * 49},
    nested(5),
]


@pytest.mark.parametrize("tree", TREES)
def test_a_stored_tree_is_read_as_the_same_tree(catalog: Catalog, tree: dict[str, Any]) -> None:
    """With the names of members of Python and of the API: the store has both."""
    stored = question(catalog, tree, LEAF)
    written = stored.model_dump(mode="json", by_alias=True)
    assert written["filters"] == [tree, LEAF]
    assert Question.model_validate(written) == stored
    assert Question.model_validate_json(stored.model_dump_json()) == stored


def test_trees_that_differ_in_one_member_have_different_shapes(catalog: Catalog) -> None:
    trees = [
        LEAF,
        {"any": [LEAF]},
        {"all": [LEAF]},
        {"not": LEAF},
        {"any": [LEAF, LEAF]},
        {"all": [{**LEAF, "value": True}]},
        {"all": [{**LEAF, "value": "1"}]},
        {"all": [{**LEAF, "value": 1.0}]},
    ]
    shapes = [question(catalog, tree).shape for tree in trees]
    assert len(set(shapes)) == len(trees)


def test_the_leaves_of_trees_are_found_in_order_with_their_paths(catalog: Catalog) -> None:
    filters = question(catalog, LEAF, {"any": [PATTERN, {"not": {"all": [LEAF]}}]}).filters
    assert [path for path, _ in leaves_by_path(filters)] == [
        (0,),
        (1, "any", 0),
        (1, "any", 1, "not", "all", 0),
    ]
    assert [leaf.operator for leaf in leaves(filters)] == ["eq", "matches", "eq"]


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"any": [LEAF, PATTERN]}, "(interaction.a = 1 or interaction.a matches ^a.b$)"),
        ({"all": [LEAF, PATTERN]}, "(interaction.a = 1 and interaction.a matches ^a.b$)"),
        ({"any": [LEAF]}, "interaction.a = 1"),
        ({"not": LEAF}, "not (interaction.a = 1)"),
        (
            {"not": {"any": [LEAF, {"not": LEAF}]}},
            "not (interaction.a = 1 or not (interaction.a = 1))",
        ),
    ],
)
def test_a_tree_has_a_sentence_without_ambiguity(tree: dict[str, Any], sentence: str) -> None:
    assert read_filter(tree).sentence == sentence


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([{"any": []}], {"filters[0].any": "must have 1 to 50 elements, not 0"}),
        ([{"all": 5}], {"filters[0].all": "must be an array"}),
        ([{"not": [LEAF]}], {"filters[0].not": "must be a JSON object"}),
        ([{"not": None}], {"filters[0].not": "must be a JSON object"}),
        ([{"any": [LEAF], "all": [LEAF]}], {"filters[0].all": "is not a member of this object"}),
        (
            [{"not": LEAF, "field": "action"}],
            {"filters[0].field": "is not a member of this object"},
        ),
        ([LEAF, {"any": [LEAF, 3]}], {"filters[1].any[1]": "must be a JSON object"}),
        (
            [{"any": [LEAF, {"not": {"all": [{**LEAF, "operator": "gt", "value": None}]}}]}],
            {"filters[0].any[1].not.all[0].value": "must be a number or a string for gt"},
        ),
        ([{"negated": LEAF}], {"filters[0].negated": "is not a member of this object"}),
    ],
)
def test_a_problem_in_a_tree_has_its_path(
    catalog: Catalog, filters: list[Any], expected: dict[str, str]
) -> None:
    rejected = problems(catalog, *filters)
    assert expected.items() <= rejected.items()


def test_a_tree_has_at_most_five_levels(catalog: Catalog) -> None:
    message = "is nested more than 5 levels deep"
    path = "filters[1].any[0].not.any[0].not.any[0]"
    assert problems(catalog, LEAF, nested(6)) == {path: message}
    assert problems(catalog, LEAF, nested(100_000)) == {path: message}


def test_all_trees_together_have_at_most_fifty_leaves(catalog: Catalog) -> None:
    assert len(list(leaves(question(catalog, {"any": [LEAF] * 49}, LEAF).filters))) == 50
    too_many = {"filters": "must have at most 50 filters, in any, all and not, too"}
    assert problems(catalog, {"any": [LEAF] * 50}, LEAF) == too_many
    assert problems(catalog, {"any": [{"all": [LEAF] * 20}] * 3}) == too_many
    assert problems(catalog, {"any": [{"all": []}] * 51}) == too_many
    assert problems(catalog, {"any": [LEAF] * 100_000}) == too_many


def test_the_sides_of_a_ratio_take_trees(catalog: Catalog) -> None:
    side = {"metricType": "COUNT", "filters": [{"not": PATTERN}]}
    body = {"metricType": "RATIO", "numerator": side, "denominator": {"metricType": "COUNT"}}
    _, stored = read_metric(body, catalog, name_required=False)
    assert [tree.sentence for tree in stored.parts[0].filters] == [
        "not (interaction.a matches ^a.b$)"
    ]
    side["filters"] = [{"not": {**PATTERN, "value": "("}}]
    with pytest.raises(InvalidInput) as raised:
        read_metric(body, catalog, name_required=False)
    assert [p.field for p in raised.value.problems] == ["numerator.filters[0].not.value"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing ): ("),
        ("a**", "bad repetition operator: **"),
        (r"\1", r"invalid escape sequence: \1"),
        ("(?=a)", "invalid perl operator: (?="),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("\\", "trailing \\"),
    ],
)
def test_a_pattern_that_re2_rejects_is_rejected_with_its_reason(
    catalog: Catalog, pattern: str, reason: str
) -> None:
    message = problems(catalog, {"not": {**PATTERN, "value": pattern}})["filters[0].not.value"]
    assert message == f"is not a regular expression of RE2: {reason}"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (3, "must be a string for matches"),
        (None, "must be a string for matches"),
        (["a"], "must be a single value for matches, not an array"),
        ("a" * 501, "must have at most 500 characters, not 501"),
        ("\ud800", "is not valid Unicode"),
    ],
)
def test_the_value_of_matches_is_a_text_of_at_most_500_characters(
    catalog: Catalog, value: Any, problem: str
) -> None:
    assert problems(catalog, {**PATTERN, "value": value}) == {"filters[0].value": problem}


@pytest.mark.parametrize("pattern", ["(?:a?b?){1000}", r"\pL{400}", r"\pL{1000}", ".{700}"])
def test_a_pattern_that_takes_long_for_each_byte_is_rejected(
    catalog: Catalog, pattern: str
) -> None:
    assert "too large" in problems(catalog, {**PATTERN, "value": pattern})["filters[0].value"]


@pytest.mark.parametrize("pattern", USUAL)
def test_usual_and_odd_patterns_are_accepted(catalog: Catalog, pattern: str) -> None:
    (leaf,) = leaves(question(catalog, {**PATTERN, "value": pattern}).filters)
    assert leaf.value == pattern
    assert json.loads(leaf.model_dump_json())["value"] == pattern
