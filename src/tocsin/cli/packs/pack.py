"""The format of a pack: a file of two YAML documents.

The first one has the title, the parameters and examples of interactions. The second one has
definitions and unit tests, with expressions such as `<window>` in place of values. Both are
described in docs/how-to/use-packs.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic import Field as Member

from tocsin.cli.definition_files import InvalidDefinitions, compose, construct
from tocsin.cli.packs.values import ParameterKind
from tocsin.errors import TocsinError
from tocsin.model.validation import problems_of

_STRICT = ConfigDict(frozen=True, extra="forbid")
_NAME = r"^[a-z][A-Za-z0-9]{0,39}$"
_Text = Annotated[str, StringConstraints(min_length=1)]


class InvalidPack(TocsinError):
    """The pack cannot be used."""

    def __init__(self, pack: str, line: int, message: str) -> None:
        super().__init__(f"{pack}, line {line}: {message}")


class Parameter(BaseModel):
    """A value that the user may replace; the limits may be expressions over other parameters."""

    model_config = _STRICT

    kind: ParameterKind
    default: str | int | float
    description: _Text
    minimum: str | int | float | None = None
    maximum: str | int | float | None = None


class Header(BaseModel):
    """The first document of a pack."""

    model_config = _STRICT

    title: _Text
    summary: _Text
    description: _Text
    parameters: Annotated[
        dict[Annotated[str, StringConstraints(pattern=_NAME)], Parameter], Member(min_length=1)
    ]
    examples: Annotated[list[dict[str, Any]], Member(min_length=1)]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as its file has it."""

    name: str
    file: str
    text: str
    header: Header
    lines: Mapping[str, int]
    """The line of each member of the header, by its path."""
    examples: yaml.Node
    definitions: yaml.Node

    @property
    def start(self) -> int:
        """The index at which the text of the second document begins, after its line of ---."""
        first = self.definitions.start_mark.index
        return self.text.index("\n", self.text.rindex("\n---", 0, first) + 1) + 1

    def count(self, section: str) -> int:
        """The number of definitions in a section."""
        return sum(1 for _ in items(self.definitions, section))

    def wrong(self, line: int, message: str) -> InvalidPack:
        return InvalidPack(self.file, line, message)

    def wrong_parameter(self, name: str, message: str) -> InvalidPack:
        return self.wrong(self.lines[f"parameters.{name}"], f"{name} {message}")


def read_pack(path: Path, file: str | None = None) -> Pack:
    """The pack in a file, which messages call `file`; raises InvalidDefinitions or InvalidPack."""
    file = file or str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidDefinitions(f"{file} is not UTF-8 text.") from error
    documents = compose(text, file)
    if len(documents) != 2:
        raise InvalidDefinitions(
            f"{file} is no pack: it has {len(documents)} YAML documents instead of two, the one "
            "with title and parameters, and after a line of --- the one with definitions."
        )
    head, definitions = documents
    lines = dict(_lines(head, ""))
    header = _header(head, lines, file)
    if not isinstance(definitions, yaml.MappingNode):
        raise InvalidPack(file, definitions.start_mark.line + 1, "must have sections of lists")
    examples = next(value for key, value in head.value if key.value == "examples")
    return Pack(path.stem, file, text, header, lines, examples, definitions)


def _header(node: yaml.Node, lines: Mapping[str, int], file: str) -> Header:
    try:
        return Header.model_validate(construct(node, file))
    except ValidationError as error:
        path = ".".join(map(str, error.errors()[0]["loc"])).removesuffix(".[key]")
        while path and path not in lines:
            path = path.rpartition(".")[0]
        problem = problems_of(error)[0]
        message = f"{problem.field}: {problem.message}" if problem.field else problem.message
        raise InvalidPack(file, lines.get(path, 1), message) from error


def _lines(node: yaml.Node, prefix: str) -> Iterator[tuple[str, int]]:
    """The line of each member and of each element, by its path."""
    for name, child, line in _children(node):
        yield f"{prefix}{name}", line
        yield from _lines(child, f"{prefix}{name}.")


def _children(node: yaml.Node) -> Iterator[tuple[str, yaml.Node, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), value, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield str(number), value, value.start_mark.line + 1


def member(node: yaml.Node, name: str) -> yaml.Node | None:
    """The member of a mapping; None if there is none, or the node is no mapping."""
    return next((child for key, child, _ in _children(node) if key == name), None)


def items(node: yaml.Node, name: str) -> Sequence[yaml.Node]:
    """The elements of a member that is a list; none if it is not."""
    listed = member(node, name)
    return listed.value if isinstance(listed, yaml.SequenceNode) else ()
