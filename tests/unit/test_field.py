"""Fields: how they are spelled, and which dimension they make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tocsin.model.interactions.field import Column, Field
from tocsin.model.validation import problems_of


@pytest.mark.parametrize("column", list(Column))
def test_a_column_is_named_as_it_is(column: Column) -> None:
    field = Field(column.value)
    assert (field.column, field.path, field.key) == (column, (), column.value)


@pytest.mark.parametrize(
    ("spelling", "path", "key"),
    [
        ("interaction.a", ("a",), "interaction_a"),
        ("interaction.user.plan", ("user", "plan"), "interaction_user_plan"),
        (r"interaction.a\.b", ("a.b",), "interaction_a__b"),
        (r"interaction.a\\.b", ("a\\", "b"), "interaction_a___b"),
        ("interaction.resourceId", ("resourceId",), "interaction_resourceId"),
        ("interaction.interaction", ("interaction",), "interaction_interaction"),
        ("interaction.straße", ("straße",), "interaction_straße"),
        ("interaction.名前", ("名前",), "interaction_名前"),
        ("interaction.a b-c", ("a b-c",), "interaction_a_b_c"),
        ("interaction. ", (" ",), "interaction__"),
        ("interaction.null", ("null",), "interaction_null"),
    ],
)
def test_a_payload_field_is_a_path_of_keys(spelling: str, path: tuple[str, ...], key: str) -> None:
    field = Field(spelling)
    assert (field.column, field.path, field.key) == (None, path, key)


@pytest.mark.parametrize(
    ("spelling", "complaint"),
    [
        ("", "is not a field"),
        ("country", "is not a field"),
        ("ResourceId", "is not a field"),
        ("resourceTypeId", "is not a field"),
        ("timestamp", "is not a field"),
        ("interaction", "is not a field"),
        ("resourceId.a", "is not a field"),
        ("Interaction.a", "is not a field"),
        ("interaction.", "empty key"),
        ("interaction..a", "empty key"),
        ("interaction.a.", "empty key"),
        ("interaction.a..b", "empty key"),
        ("interaction.a\\", "stray backslash"),
        (r"interaction.a\b", "stray backslash"),
        ("interaction.a%2Eb", "%2E"),
    ],
)
def test_what_is_no_field_is_refused_with_the_reason(spelling: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Field(spelling)


KEYS = st.text(min_size=1).filter(lambda key: "%2E" not in key)


@given(st.lists(KEYS, min_size=1, max_size=5).map(tuple))
def test_any_path_can_be_spelled_and_read_back(path: tuple[str, ...]) -> None:
    assert Field.of_path(path).path == path


def test_fields_are_equal_by_their_spelling() -> None:
    assert Field("interaction.a") == Field("interaction.a")
    assert len({Field("interaction.a"), Field("interaction.a"), Field("action")}) == 2


class Model(BaseModel):
    field: Field


@pytest.mark.parametrize("value", [3, None, ["interaction.a"], "x"])
def test_a_model_reports_one_problem_for_a_wrong_field(value: object) -> None:
    with pytest.raises(ValidationError) as raised:
        Model.model_validate({"field": value})
    assert [problem.field for problem in problems_of(raised.value)] == ["field"]


def test_a_model_writes_a_field_as_it_was_spelled() -> None:
    model = Model.model_validate({"field": r"interaction.a\.b"})
    assert Model.model_validate_json(model.model_dump_json()) == model
