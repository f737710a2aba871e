"""The route that checks a file of definitions.

The contract is "Check of a file" in docs/reference/api.md.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tocsin.api.auth import requires
from tocsin.api.bodies import decode_as, json_response, read_body
from tocsin.api.dependencies import App
from tocsin.api.openapi import describes
from tocsin.api.planned_definitions import SECTIONS, PlannedDefinitions
from tocsin.api.pooled import pooled
from tocsin.api.schemas.definition_checks import CheckedDefinition, DefinitionChecksResponse
from tocsin.api.schemas.problems import FieldProblem
from tocsin.model.ceilings import BATCH_BYTES
from tocsin.model.key import Role

PATH = "/api/definitions"
_METRIC = {"name": "Orders", "metricType": "COUNT", "resourceType": "ORDER"}
EXAMPLE = {"metrics": [{"id": "0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d", "definition": _METRIC}]}


async def _read_file(request: Request) -> bytes:
    return await read_body(request, BATCH_BYTES)


FileBody = Annotated[bytes, Depends(_read_file)]
"""A file has many definitions, so it may be as large as a batch."""

router = APIRouter(prefix=PATH, tags=["Definitions"])


class DefinitionToCheck(BaseModel):
    """A definition as its POST takes it, with the id of the one that it replaces, or a new id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    definition: dict[str, Any]


class DefinitionsToCheck(BaseModel):
    """The definitions of a file. They may refer to each other by their ids."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    resource_types: tuple[DefinitionToCheck, ...] = ()
    actions: tuple[DefinitionToCheck, ...] = ()
    origins: tuple[DefinitionToCheck, ...] = ()
    channels: tuple[DefinitionToCheck, ...] = ()
    metrics: tuple[DefinitionToCheck, ...] = ()
    alerts: tuple[DefinitionToCheck, ...] = ()
    subscriptions: tuple[DefinitionToCheck, ...] = ()
    silences: tuple[DefinitionToCheck, ...] = ()

    def of(self, section: str) -> tuple[DefinitionToCheck, ...]:
        members = {field.alias: name for name, field in type(self).model_fields.items()}
        section_definitions: tuple[DefinitionToCheck, ...] = getattr(self, members[section])
        return section_definitions


@router.post(
    "/check",
    **requires(Role.ADMIN),
    **describes(DefinitionChecksResponse, "The results", body=DefinitionsToCheck, example=EXAMPLE),
)
@pooled("questions")
def check_definitions(runtime: App, body: FileBody) -> Response:
    """Validate definitions of all kinds together, and return them as they would be stored. Nothing
    is changed. A definition may refer to another one of the request that does not exist yet."""
    request = decode_as(DefinitionsToCheck, body)
    planned = PlannedDefinitions(runtime)
    results: dict[str, dict[UUID, CheckedDefinition]] = {
        section: {
            each.id: planned.check(section, each.id, each.definition)
            for each in request.of(section)
        }
        for section in SECTIONS
    }
    ids = {section: set(checked) for section, checked in results.items()}
    for section, id, problem in planned.consequences(ids):
        results[section][id].problems.append(FieldProblem.of(problem))
    answered = {
        section: [results[section][each.id] for each in request.of(section)] for section in SECTIONS
    }
    return json_response(answered)
