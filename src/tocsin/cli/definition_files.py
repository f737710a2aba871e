"""Which metrics or alerts does a YAML file define.

YAML is read by the rules of YAML 1.2, as JSON with less punctuation: PyYAML's own rules take the
country `NO` for false, `12:30` for 750 and `2026-03-20` for a date, and keep the second of two
equal keys. A JSON file is read just as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tocsin.errors import Problem, TocsinError

Definition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Noun:
    """What a file defines: the section it may stand under, the member that names one, and what an
    answer of the API says beyond a definition: an exported list can be applied as it is."""

    one: str
    section: str
    name: str
    read_only: frozenset[str]


METRIC = Noun("a metric", "metrics", "name", frozenset({"metricId", "createdDate", "modifiedDate"}))
ALERT = Noun(
    "an alert",
    "alerts",
    "title",
    frozenset(
        {
            *("alertId", "createdDate", "modifiedDate"),
            *("health", "healthReason", "evaluatedAt", "elapsedMs"),
        }
    ),
)
# A file of unit tests has both and more; whoever reads it takes what is theirs.
SECTIONS = {"metrics", "alerts", "tests"}


class UnusableDefinitions(TocsinError):
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
                raise _wrong(f"{key.value} is said twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _read_number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    text = str(loader.construct_scalar(node))
    number = float(text) if re.search("[.eE]", text) else int(text)
    if abs(number) == float("inf"):
        raise _wrong(f"{text} is a number that no double can hold", node)
    return number


def _wrong(said: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=said, problem_mark=node.start_mark)


_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_NUMBER = "tag:yaml.org,2002:int"
# Tag, pattern, and the characters that such a value can begin with ("" for one that is empty).
_RESOLVERS = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", [*"~nN", ""]),
    (_NUMBER, r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    (_MERGE, r"<<", ["<"]),
)
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(f"^({_pattern})$"), _first)
_Loader.add_constructor(_NUMBER, _read_number)


def read_definitions(path: Path, noun: Noun = METRIC) -> list[Definition]:
    """The definitions in a file, each with a name of its own; raises UnusableDefinitions."""
    return checked_definitions(read_yaml(path), str(path), noun)


def read_yaml(path: Path) -> Any:
    """What a file says; raises UnusableDefinitions."""
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except FileNotFoundError as error:
        raise UnusableDefinitions(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise UnusableDefinitions(f"{path} is not UTF-8 text.") from error
    except yaml.MarkedYAMLError as error:
        raise UnusableDefinitions(f"{path}{_place(error)}: {_said(error)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnusableDefinitions(f"{path} is not valid YAML: {error}") from error


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _said(error: yaml.MarkedYAMLError) -> str:
    return str(error.problem or error.context or "is not valid YAML")


def checked_definitions(content: Any, file: str, noun: Noun) -> list[Definition]:
    """The definitions of a kind in what a file says; raises UnusableDefinitions."""
    listed = _listed(content, noun)
    if listed is None:
        section = noun.section
        raise UnusableDefinitions(
            f"{file} must be a list of {section}, or have one under {section}:"
        )
    problems = []
    names: set[str] = set()
    for number, definition in enumerate(listed):
        complaint = _complaint(definition, names, noun)
        if complaint:
            place = f"{noun.section}[{number}]{complaint.field}"
            problems.append(Problem(place, complaint.message))
        else:
            names.add(definition[noun.name])
    if problems:
        raise UnusableDefinitions(f"{file} cannot be applied:", problems)
    return [{k: v for k, v in one.items() if k not in noun.read_only} for one in listed]


def _listed(content: Any, noun: Noun) -> list[Any] | None:
    if isinstance(content, dict) and noun.section in content and set(content) <= SECTIONS:
        content = content[noun.section]
    return content if isinstance(content, list) else None


def _complaint(definition: Any, names: set[str], noun: Noun) -> Problem | None:
    """Why one cannot be told from the others; what else is wrong the server says."""
    if not isinstance(definition, dict):
        return Problem("", "must be an object")
    name = definition.get(noun.name)
    if not isinstance(name, str) or not 1 <= len(name) <= 200:
        return Problem(f".{noun.name}", "must be text of 1 to 200 characters")
    if name in names:
        return Problem(f".{noun.name}", f"{name} is defined twice")
    return None
