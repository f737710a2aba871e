"""The shapes of the check of a file of definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from tocsin.api.schemas.problems import FieldProblem
from tocsin.api.schemas.shape import Shape, doc
from tocsin.errors import Problem


class CheckedDefinition(Shape):
    """A definition of a file, as it would be stored."""

    problems: Annotated[list[FieldProblem], doc("Empty if it can be stored")]
    warnings: list[FieldProblem]
    definition: Annotated[
        dict[str, Any] | None, doc("As a GET would answer it; null if it has problems")
    ]
    changes_settings: Annotated[
        bool, doc("Whether the settings of a channel change, secrets included")
    ] = False

    @classmethod
    def accepted(
        cls, shape: Shape, warnings: Sequence[Problem] = (), *, changes_settings: bool = False
    ) -> CheckedDefinition:
        members = msgspec.to_builtins(shape)
        return cls([], list(map(FieldProblem.of, warnings)), members, changes_settings)

    @classmethod
    def rejected(cls, problems: Sequence[Problem]) -> CheckedDefinition:
        return cls(list(map(FieldProblem.of, problems)), [], None)


class DefinitionChecksResponse(Shape):
    """The results in the order of the request."""

    resource_types: list[CheckedDefinition]
    actions: list[CheckedDefinition]
    origins: list[CheckedDefinition]
    channels: list[CheckedDefinition]
    metrics: list[CheckedDefinition]
    alerts: list[CheckedDefinition]
    subscriptions: list[CheckedDefinition]
    silences: list[CheckedDefinition]
