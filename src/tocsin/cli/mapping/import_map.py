"""The map of an import: how the records of a file become interactions.

The format is described in docs/how-to/import-and-export.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from tocsin.cli.definition_files import InvalidDefinitions, read_yaml, read_yaml_lines
from tocsin.cli.mapping.templates import NoValue, RecordTemplate, RecordTemplateText
from tocsin.cli.mapping.times import TimeFieldValue
from tocsin.model.interactions.catalog import as_mnemonic
from tocsin.model.validation import problems_of

NAMESPACE = UUID("6e1d5c7e-0c1b-5e0e-9d3a-70c51a000005")
_CONFIG = ConfigDict(
    frozen=True, extra="forbid", alias_generator=to_camel, arbitrary_types_allowed=True
)
_MNEMONICS = ("resource_type", "action", "origin")
_NOT_UTF_8 = [{"field": "", "message": "is not valid UTF-8"}]
_OPTIONAL = ("user_id", "external_reference", "uow_id")


class RecordFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"
    LINES = "lines"


class CellType(StrEnum):
    """The type of a value that a file has as text."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class NaturalKey:
    """The text that identifies a record; its id is derived from it."""

    key: RecordTemplate


def _identity(value: Any) -> Any:
    if isinstance(value, dict):
        if list(value) != ["key"] or not isinstance(value["key"], str):
            raise ValueError("must be the template of a UUID, or {key: template}")
        return NaturalKey(RecordTemplate.parse(value["key"]))
    if not isinstance(value, str):
        raise ValueError("must be the template of a UUID, or {key: template}")
    return RecordTemplate.parse(value)


def _members(value: Any) -> Any:
    if value == "record":
        return None
    if not isinstance(value, dict):
        raise ValueError("must be record, or a map of members to templates")
    return value


def _pattern(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a regular expression")
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    if not pattern.groupindex:
        raise ValueError("must have named groups, such as (?P<status>[0-9]+)")
    return pattern


class WrongRecord(Exception):
    """A record that has no interaction; `errors` names the members."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        self.errors = errors
        super().__init__(str(errors))


class ImportMap(BaseModel):
    model_config = _CONFIG

    format: RecordFormat
    records: str | None = None
    columns: list[str] | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    pattern: Annotated[re.Pattern[str] | None, BeforeValidator(_pattern)] = None
    types: dict[str, CellType] = {}
    resource_type: RecordTemplateText
    resource_id: RecordTemplateText
    action: RecordTemplateText
    origin: RecordTemplateText
    timestamp: TimeFieldValue
    interaction_id: Annotated[Any, BeforeValidator(_identity)] = None
    user_id: RecordTemplateText | None = None
    external_reference: RecordTemplateText | None = None
    uow_id: RecordTemplateText | None = None
    payload: Annotated[dict[str, RecordTemplateText] | None, BeforeValidator(_members)] = None

    @model_validator(mode="after")
    def _members_fit_the_format(self) -> ImportMap:
        if (self.pattern is not None) is not (self.format is RecordFormat.LINES):
            raise ValueError("format: lines needs a pattern, and no other format takes one")
        if self.columns is not None and self.format is not RecordFormat.CSV:
            raise ValueError("columns are those of format: csv")
        if self.records is not None and self.format is not RecordFormat.JSON:
            raise ValueError("records is a path in format: json")
        if self.types and self.format not in (RecordFormat.CSV, RecordFormat.LINES):
            raise ValueError("types are for format: csv and format: lines")
        if self.pattern and (unknown := set(self.types) - set(self.pattern.groupindex)):
            raise ValueError(f"types has {min(unknown)}, which is no group of the pattern")
        return self

    def interaction(self, record: Any) -> bytes:
        """The interaction of a record as a line of NDJSON; raises WrongRecord."""
        errors: list[dict[str, str]] = []
        members: dict[str, Any] = {}
        for name in (*_MNEMONICS, "resource_id", "timestamp", "interaction_id"):
            try:
                members[to_camel(name)] = self._required(name, record)
            except UnicodeEncodeError:
                raise WrongRecord(_NOT_UTF_8) from None
            except (NoValue, ValueError) as error:
                errors.append({"field": to_camel(name), "message": str(error)})
        if errors:
            raise WrongRecord(errors)
        if members["interactionId"] is None:
            del members["interactionId"]
        for name in _OPTIONAL:
            template = getattr(self, name)
            try:
                if template is not None:
                    members[to_camel(name)] = template.text(record)
            except NoValue:
                continue
        members["interaction"] = self._payload(record)
        try:
            return msgspec.json.encode(members)
        except UnicodeEncodeError:
            raise WrongRecord(_NOT_UTF_8) from None

    def _required(self, name: str, record: Any) -> str | None:
        template = getattr(self, name)
        if template is None:
            return None
        if isinstance(template, NaturalKey):
            return str(uuid5(NAMESPACE, template.key.text(record)))
        text: str = template.text(record)
        return as_mnemonic(text) if name in _MNEMONICS else text

    def _payload(self, record: Any) -> Any:
        if self.payload is None:
            return record
        payload = {}
        for name, template in self.payload.items():
            try:
                payload[name] = template.value(record)
            except NoValue:
                continue
        return payload


def read_map(path: Path) -> ImportMap:
    """The map in a YAML file; raises InvalidDefinitions with the line of each problem."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InvalidDefinitions(f"{path}, line 1: must be a map of members")
    try:
        return ImportMap.model_validate(content)
    except ValidationError as error:
        lines = read_yaml_lines(path)
        problems = [
            f"{path}, line {_line(problem.field, lines)}: "
            f"{problem.field or 'the map'}: {problem.message}"
            for problem in problems_of(error)
        ]
        raise InvalidDefinitions("\n".join(problems)) from None


def _line(field: str, lines: dict[str, int]) -> int:
    """The line of a member, or of the nearest member around it."""
    while field and field not in lines:
        field = field.rpartition(".")[0]
    return lines.get(field, 1)
