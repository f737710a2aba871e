"""Puts the values of parameters into the text of a pack, which keeps its comments and its lines.

An expression that is a whole YAML value becomes a value of its type; one within a text becomes a
part of it. Texts are quoted where YAML would read something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from tocsin.cli.definition_files import construct, is_text
from tocsin.cli.packs.expressions import InvalidExpression, evaluate
from tocsin.cli.packs.pack import Pack, items, member
from tocsin.cli.packs.values import ParameterValue, value_text
from tocsin.model.duration import Duration

_EXPRESSION = re.compile(r"<(-?[A-Za-z0-9(][^<>\n]*)>")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ ./()%-]*[A-Za-z0-9_./()%]|[A-Za-z]")
_BLOCK_STYLES = ("|", ">")
_NAMED = ("metrics", "alerts", "subscriptions", "silences")


@dataclass(slots=True)
class _Filling:
    """One pass over a text: the values, and the parameters that the text has used."""

    pack: Pack
    values: Mapping[str, ParameterValue]
    used: set[str] = field(default_factory=set)

    def value(self, expression: str, line: int) -> ParameterValue:
        try:
            result = evaluate(expression, self.values)
        except InvalidExpression as error:
            raise self.pack.wrong(line, f"<{expression}> {error}") from error
        self.used |= {name for name in self.values if re.search(rf"\b{name}\b", expression)}
        return result

    def text(self, text: str, line: int) -> str:
        """A text with all expressions replaced; `line` is that of its beginning."""

        def replaced(match: re.Match[str]) -> str:
            of_match = line + text.count("\n", 0, match.start())
            value = self.value(match[1], of_match)
            return ", ".join(value) if isinstance(value, tuple) else value_text(value)

        return _EXPRESSION.sub(replaced, text)

    def scalar(self, node: yaml.ScalarNode) -> ParameterValue:
        line = node.start_mark.line + 1
        whole = _EXPRESSION.fullmatch(node.value)
        return self.value(whole[1], line) if whole else self.text(node.value, line)


def fill(pack: Pack, values: Mapping[str, ParameterValue], prefix: str | None = None) -> str:
    """The second document of a pack with the values; raises InvalidPack.

    A prefix is put before every key and every name that the pack defines.
    """
    filling = _Filling(pack, values)
    prefixed = dict(_prefixed(pack, prefix)) if prefix else {}
    pieces = []
    # Comments may precede the first member.
    position = pack.start
    for node in _scalars(pack.definitions):
        before = pack.text[position : node.start_mark.index]
        pieces.append(filling.text(before, pack.text.count("\n", 0, position) + 1))
        pieces.append(_filled(node, filling, prefixed.get(node.start_mark.index), pack.text))
        position = node.end_mark.index
    pieces.append(filling.text(pack.text[position:], pack.text.count("\n", 0, position) + 1))
    unused = [name for name in values if name not in filling.used and name not in _in_limits(pack)]
    if unused:
        raise pack.wrong_parameter(unused[0], "is not used by the definitions of the pack")
    return "".join(pieces)


def fill_examples(pack: Pack, values: Mapping[str, ParameterValue]) -> list[dict[str, object]]:
    """The examples of a pack with the values, as the header has them."""
    filling = _Filling(pack, values)
    return [_object(node, filling) for node in pack.examples.value]


def _object(node: yaml.Node, filling: _Filling) -> dict[str, object]:
    filled: dict[str, object] = {}
    for key, value in node.value:
        name = str(filling.scalar(key))
        is_object = isinstance(value, yaml.MappingNode)
        filled[name] = _object(value, filling) if is_object else _typed(value, filling)
    return filled


def _typed(node: yaml.Node, filling: _Filling) -> object:
    assert isinstance(node, yaml.ScalarNode), "an example has texts, numbers and objects"
    if not _EXPRESSION.search(node.value):
        return construct(node, filling.pack.file)
    value = filling.scalar(node)
    return str(value) if isinstance(value, Duration) else value


def _in_limits(pack: Pack) -> str:
    parameters = pack.header.parameters.values()
    return " ".join(f"{each.minimum} {each.maximum}" for each in parameters)


def _scalars(root: yaml.Node) -> list[yaml.ScalarNode]:
    """All scalars in the order of the text; an alias is no scalar of its own."""
    scalars: dict[int, yaml.ScalarNode] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.ScalarNode):
            scalars[node.start_mark.index] = node
        elif isinstance(node, yaml.MappingNode):
            waiting += [each for pair in node.value for each in pair]
        else:
            waiting += node.value
    return [scalars[index] for index in sorted(scalars)]


def _filled(
    node: yaml.ScalarNode, filling: _Filling, prefixed: Callable[[str], str] | None, text: str
) -> str:
    source = text[node.start_mark.index : node.end_mark.index]
    if not prefixed and not _EXPRESSION.search(node.value):
        return source
    if node.style in _BLOCK_STYLES:
        return filling.text(source, node.start_mark.line + 1)
    value = filling.scalar(node)
    if prefixed:
        value = prefixed(str(value))
    return scalar_text(value)


def scalar_text(value: ParameterValue) -> str:
    """A value as YAML, on one line, valid in a list or a map in brackets too."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(scalar_text, value))}]"
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and is_text(value)
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    return value_text(value)


def _prefixed(pack: Pack, prefix: str) -> Iterator[tuple[int, Callable[[str], str]]]:
    """The positions of the names that the pack defines or refers to, with the change of each."""

    def key(value: str) -> str:
        return f"{prefix}-{value}"

    def name(value: str) -> str:
        return f"{prefix}: {value}"

    own: dict[str, Callable[[str], str]] = {}
    references = []
    if set_ := member(pack.definitions, "set"):
        yield set_.start_mark.index, key
    for section in _NAMED:
        for node in items(pack.definitions, section):
            for spelling, change in (("key", key), ("name", name), ("title", name)):
                if defined := member(node, spelling):
                    own[defined.value] = change
                    yield defined.start_mark.index, change
            references += [node, *items(node, "onlyWhen")]
    for test in items(pack.definitions, "tests"):
        references += items(test, "expect")
    for node in references:
        for spelling in ("metric", "alert"):
            referred = member(node, spelling)
            if referred and referred.value in own:
                yield referred.start_mark.index, own[referred.value]
