"""The YAML that a pack and the values of its parameters give: a file to read, test and apply."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.cli.definition_files import DefinitionFile, parse_definition_file
from tocsin.cli.packs.filling import fill, fill_examples
from tocsin.cli.packs.pack import Pack
from tocsin.cli.packs.values import ParameterValue, value_text
from tocsin.cli.test_files import with_fields
from tocsin.model.interactions.field import Field

_WIDTH = 96


@dataclass(frozen=True, slots=True)
class FilledPack:
    """A pack with a value for every parameter."""

    pack: Pack
    values: Mapping[str, ParameterValue]
    prefix: str | None = None

    @property
    def definitions(self) -> str:
        return fill(self.pack, self.values, self.prefix)

    @property
    def file(self) -> DefinitionFile:
        """The definitions as a file, in which they have their lines in the pack."""
        lines_before = self.pack.text.count("\n", 0, self.pack.start)
        return parse_definition_file("\n" * lines_before + self.definitions, self.pack.file)

    @property
    def example_lines(self) -> list[str]:
        """Interactions as JSON for the API, which the metrics of the pack count."""
        examples = map(_interaction, fill_examples(self.pack, self.values))
        return [json.dumps(each, ensure_ascii=False) for each in examples]

    @property
    def text(self) -> str:
        """The definitions below a comment with the description, the parameters and the examples."""
        header = self.pack.header
        sections = [
            header.title,
            textwrap.fill(header.description, _WIDTH),
            f"Parameters and their values; `{self.command('show')}` writes this file:",
            "\n".join(self._parameter_lines()),
            "It measures interactions such as these:",
            "\n".join(f"  {line}" for line in self.example_lines),
        ]
        lines = "\n\n".join(sections).split("\n")
        comment = "".join(f"# {line}".rstrip() + "\n" for line in lines)
        return f"{comment}\n{self.definitions}"

    def command(self, verb: str) -> str:
        """The command that gives this: `tocsin packs show logins --set window=10m`."""
        parameters = self.pack.header.parameters
        given = [
            f"--set {shlex.quote(f'{name}={value_text(value)}')}"
            for name, value in self.values.items()
            if value != parameters[name].kind.read(str(parameters[name].default))
        ]
        prefix = [f"--prefix {self.prefix}"] if self.prefix else []
        return " ".join(["tocsin packs", verb, self.pack.name, *given, *prefix])

    def _parameter_lines(self) -> list[str]:
        texts = {name: value_text(value) or "-" for name, value in self.values.items()}
        name_width = max(map(len, texts))
        value_width = max(map(len, texts.values()))
        return [
            f"  {name:{name_width}}  {text:{value_width}}  "
            f"{self.pack.header.parameters[name].description}"
            for name, text in texts.items()
        ]


def _interaction(example: Mapping[str, Any]) -> dict[str, Any]:
    members = {name: value for name, value in example.items() if name != "fields"}
    fields = {Field(name): value for name, value in example.get("fields", {}).items()}
    return with_fields(members, fields)
