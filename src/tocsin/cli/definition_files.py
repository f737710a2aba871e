"""Reads files of definitions, which are YAML.

The core schema of YAML 1.2 applies, in which every JSON file is valid. PyYAML by itself reads the
country `NO` as false, `12:30` as 750 and `2026-03-20` as a date, and keeps the last one of equal
keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tocsin.errors import TocsinError

Definition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DefinitionFile:
    """The content of a file of definitions, and the line of each path in it, such as
    `alerts[0].threshold`."""

    name: str
    content: Any
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, path: str) -> int | None:
        """The line of a path, or of the nearest one that contains it."""
        if isinstance(self.content, list):
            # The whole file is one section.
            path = path[max(path.find("["), 0) :]
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path)


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


def read_definition_file(path: Path) -> DefinitionFile:
    """A file of definitions; raises InvalidDefinitions."""
    return parse_definition_file(_read_text(path), str(path))


def parse_definition_file(text: str, name: str) -> DefinitionFile:
    """A file of definitions, by its text; raises InvalidDefinitions."""
    content = read_yaml_text(text, name)
    with _reading(name):
        # Constructing the content has changed the nodes of merged mappings.
        node = yaml.compose(text, Loader=_Loader)
        return DefinitionFile(name, content, dict(_paths(node, "", set())))


def _paths(node: yaml.Node | None, path: str, seen: set[int]) -> Iterator[tuple[str, int]]:
    """The lines of a node and of those in it. An alias is the node that it names, which has the
    lines of its first place only: aliases of aliases have a number of paths that grows
    exponentially."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, element in enumerate(node.value):
            yield f"{path}[{number}]", element.start_mark.line + 1
            yield from _paths(element, f"{path}[{number}]", seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            member = f"{path}.{key.value}" if path else str(key.value)
            yield member, key.start_mark.line + 1
            yield from _paths(value, member, seen)


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
    return read_yaml_text(_read_text(path), str(path))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidDefinitions(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise InvalidDefinitions(f"{path} is not UTF-8 text.") from error


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
