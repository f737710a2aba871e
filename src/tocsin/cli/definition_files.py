"""Reads the metrics or alerts that a YAML file defines.

The core schema of YAML 1.2 applies, in which every JSON file is valid. PyYAML by itself reads the
country `NO` as false, `12:30` as 750 and `2026-03-20` as a date, and keeps the last one of equal
keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tocsin.errors import Problem, TocsinError

Definition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DefinitionNoun:
    """The words for one kind of definition.

    `section` is the key of the list in a file, `name` the member that identifies a definition.
    Members that only responses of the API have are ignored, so that an exported list can be
    applied.
    """

    singular: str
    section: str
    name: str
    read_only: frozenset[str]


METRIC = DefinitionNoun(
    "a metric",
    "metrics",
    "name",
    frozenset({"metricId", "key", "managedBy", "createdDate", "modifiedDate", "warnings"}),
)
ALERT = DefinitionNoun(
    "an alert",
    "alerts",
    "title",
    frozenset(
        {
            *("alertId", "key", "managedBy", "createdDate", "modifiedDate"),
            *("health", "healthReason", "evaluatedAt", "elapsedMs"),
        }
    ),
)
# A file of unit tests has several sections; each reader takes its own.
SECTIONS = {"metrics", "alerts", "subscriptions", "tests"}


class InvalidDefinitions(TocsinError):
    """The file cannot be applied."""

    def __str__(self) -> str:
        return "\n".join([self.detail, *(f"  {p.field}: {p.message}" for p in self.problems)])


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2 (yaml.org/spec/1.2.2, 10.3.2), with `<<`, without infinities."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == _MERGE:
                continue
            if key.tag != _TEXT:
                raise _wrong("a key must be text", key)
            if key.value in seen:
                raise _wrong(f"{key.value} occurs twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _read_number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    text = str(loader.construct_scalar(node))
    number = float(text) if re.search("[.eE]", text) else int(text)
    if abs(number) == float("inf"):
        raise _wrong(f"{text} exceeds the range of a double", node)
    return number


def _wrong(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_NUMBER = "tag:yaml.org,2002:int"
# Tag, pattern, and the characters that such a value can begin with ("" for an empty value).
_RESOLVERS = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", [*"~nN", ""]),
    (_NUMBER, r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    (_MERGE, r"<<", ["<"]),
)
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(f"^({_pattern})$"), _first)
_Loader.add_constructor(_NUMBER, _read_number)


def read_definitions(path: Path, noun: DefinitionNoun = METRIC) -> list[Definition]:
    """The definitions in a file, with unique names; raises InvalidDefinitions."""
    return checked_definitions(read_yaml(path), str(path), noun)


def read_yaml_lines(path: Path) -> dict[str, int]:
    """The line of each key of a readable file, by the keys that lead to it, joined by dots."""
    node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    return dict(_key_lines(node, ""))


def compose(text: str, file: str) -> list[yaml.Node]:
    """The documents of a YAML text as nodes, which have their places; raises InvalidDefinitions."""
    with _reading(file):
        return list(yaml.compose_all(text, Loader=_Loader))


def construct(node: yaml.Node, file: str) -> Any:
    """The value of a node; raises InvalidDefinitions."""
    loader = _Loader("")
    with _reading(file):
        return loader.construct_document(node)


def is_text(plain: str) -> bool:
    """Whether a text without quotes is read as text, not as a number, a boolean or null."""
    return not any(re.fullmatch(pattern, plain) for _, pattern, _ in _RESOLVERS)


def _key_lines(node: yaml.Node | None, prefix: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield f"{prefix}{key.value}", key.start_mark.line + 1
            yield from _key_lines(value, f"{prefix}{key.value}.")


def read_yaml(path: Path) -> Any:
    """The content of a file; raises InvalidDefinitions."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidDefinitions(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise InvalidDefinitions(f"{path} is not UTF-8 text.") from error
    return read_yaml_text(text, str(path))


def read_yaml_text(text: str, file: str) -> Any:
    """The content of the text of a file; raises InvalidDefinitions."""
    with _reading(file):
        return yaml.load(text, Loader=_Loader)


@contextmanager
def _reading(file: str) -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as error:
        raise InvalidDefinitions(f"{file}{_place(error)}: {_message(error)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidDefinitions(f"{file} is not valid YAML: {error}") from error


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _message(error: yaml.MarkedYAMLError) -> str:
    return str(error.problem or error.context or "is not valid YAML")


def checked_definitions(content: Any, file: str, noun: DefinitionNoun) -> list[Definition]:
    """The definitions of one kind in the content of a file; raises InvalidDefinitions."""
    listed = _listed(content, noun)
    if listed is None:
        section = noun.section
        raise InvalidDefinitions(
            f"{file} must be a list of {section}, or have a list under {section}:"
        )
    problems = []
    names: set[str] = set()
    for number, definition in enumerate(listed):
        problem = _problem(definition, names, noun)
        if problem:
            place = f"{noun.section}[{number}]{problem.field}"
            problems.append(Problem(place, problem.message))
        else:
            names.add(definition[noun.name])
    if problems:
        raise InvalidDefinitions(f"{file} cannot be applied:", problems)
    return [
        {member: value for member, value in definition.items() if member not in noun.read_only}
        for definition in listed
    ]


def _listed(content: Any, noun: DefinitionNoun) -> list[Any] | None:
    if isinstance(content, dict) and noun.section in content and set(content) <= SECTIONS:
        content = content[noun.section]
    return content if isinstance(content, list) else None


def _problem(definition: Any, names: set[str], noun: DefinitionNoun) -> Problem | None:
    """The reason why a definition has no unique name; the server checks everything else."""
    if not isinstance(definition, dict):
        return Problem("", "must be an object")
    name = definition.get(noun.name)
    if not isinstance(name, str) or not 1 <= len(name) <= 200:
        return Problem(f".{noun.name}", "must be text of 1 to 200 characters")
    if name in names:
        return Problem(f".{noun.name}", f"{name} is defined twice")
    return None
