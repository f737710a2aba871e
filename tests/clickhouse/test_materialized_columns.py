"""The materialized columns that the queries of metrics use."""

from typing import Any

import pytest

from tocsin.clickhouse.sql.materialized_columns import (
    MAX_FIELDS,
    MaterializedColumn,
    columns_to_materialize,
    columns_used,
    compile_add,
)
from tocsin.clickhouse.sql.table import JsonType, ValueKind, any_type
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.payload import Path
from tocsin.model.metrics.question import Question


def question(**members: Any) -> Question:
    return Question.model_validate({"metricType": "COUNT", **members})


def filtered(operator: str, value: Any = None) -> Question:
    return question(filters=[{"field": "interaction.a", "operator": operator, "value": value}])


def test_a_sum_uses_the_number_of_its_field() -> None:
    (ask,) = columns_used(question(metricType="SUM", field="interaction.a"), any_type)
    assert ask == (Field("interaction.a"), ValueKind.NUMBER)


def test_distinct_counts_and_dimensions_use_the_text_of_their_fields() -> None:
    distinct = question(
        metricType="DISTINCT_COUNT", field="interaction.a", groupBy=["interaction.b.c"]
    )
    texts = {(Field(name), ValueKind.TEXT) for name in ("interaction.a", "interaction.b.c")}
    assert set(columns_used(distinct, any_type)) == texts


@pytest.mark.parametrize(
    ("operator", "value", "kinds"),
    [
        ("eq", "x", [ValueKind.TEXT]),
        ("neq", 3, [ValueKind.NUMBER]),
        ("in", ["x", 3], [ValueKind.TEXT, ValueKind.NUMBER]),
        ("gt", "12", [ValueKind.NUMBER]),
        ("contains", "x", [ValueKind.TEXT]),
        ("eq", None, [ValueKind.TEXT]),
    ],
)
def test_a_filter_uses_only_the_value_that_it_compares(
    operator: str, value: Any, kinds: list[ValueKind]
) -> None:
    assert [kind for _, kind in columns_used(filtered(operator, value), any_type)] == kinds


def test_whether_a_field_exists_is_read_from_its_text_only_if_nothing_in_it_is_without_one() -> (
    None
):
    def only_strings(_path: Path) -> frozenset[JsonType]:
        return frozenset([JsonType.STRING])

    assert columns_used(filtered("exists"), any_type) == []
    assert columns_used(filtered("exists"), only_strings) == [
        (Field("interaction.a"), ValueKind.TEXT)
    ]
    assert columns_used(filtered("gt", "2026-01-01"), any_type) == []
    assert columns_used(filtered("gt", "2026-01-01"), only_strings) != []


def test_columns_of_interactions_need_no_materialized_columns() -> None:
    own = question(metricType="DISTINCT_COUNT", field="resourceId", groupBy=["action", "userId"])
    assert columns_used(own, any_type) == []


def test_of_too_many_fields_the_most_used_and_then_the_first_get_columns() -> None:
    fields = [f"interaction.f{n}" for n in range(MAX_FIELDS + 10)]
    questions = [question(metricType="SUM", field=field) for field in fields]
    questions.append(question(metricType="MAX", field=fields[-1]))
    chosen = [str(field) for field, _ in columns_to_materialize(questions, any_type)]
    assert chosen == [*fields[: MAX_FIELDS - 1], fields[-1]]


def test_the_name_of_a_column_depends_on_its_definition_and_has_no_text_from_outside() -> None:
    names = [
        MaterializedColumn(Field(spelling), kind, is_low_cardinality).name
        for spelling in ("interaction.a", "interaction.A", "interaction.`; DROP TABLE x --")
        for kind, is_low_cardinality in (
            (ValueKind.NUMBER, False),
            (ValueKind.TEXT, False),
            (ValueKind.TEXT, True),
        )
    ]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in names)


def test_keys_are_bound_in_the_statement_that_adds_a_column() -> None:
    fields = [Field("interaction.it's `quoted`"), Field("interaction.secret")]
    statement = compile_add(MaterializedColumn(field, ValueKind.TEXT) for field in fields)
    assert "quoted" not in statement.text
    assert "secret" not in statement.text
    assert set(statement.parameters.values()) == {"it's `quoted`", "secret"}
