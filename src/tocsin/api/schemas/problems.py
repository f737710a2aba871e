"""The shape of an error: application/problem+json (RFC 9457)."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from tocsin.api.schemas.shape import Shape
from tocsin.errors import Problem


class FieldProblem(Shape):
    field: Annotated[str, Meta(examples=["filters[0].operator"])]
    message: str

    @classmethod
    def of(cls, problem: Problem) -> FieldProblem:
        return cls(problem.field, problem.message)


class ProblemResponse(Shape):
    """An error (RFC 9457); `errors` holds every problem that was found in an input."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | UnsetType = UNSET
