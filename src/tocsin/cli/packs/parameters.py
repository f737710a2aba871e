"""The values of a pack's parameters: those that the user gives, and the defaults of the others."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from tocsin.cli.packs.expressions import Amount, InvalidExpression, evaluate
from tocsin.cli.packs.pack import Pack, Parameter
from tocsin.cli.packs.values import ParameterKind, ParameterValue, value_text
from tocsin.errors import Problem, TocsinError

PREFIX = re.compile(r"[a-z][a-z0-9-]{0,23}")


class WrongValues(TocsinError):
    """A parameter has no such name or value."""

    def __str__(self) -> str:
        return "\n".join([self.detail, *(f"  {p.field}: {p.message}" for p in self.problems)])


def read_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """The texts of `name=value`; raises WrongValues."""
    given: dict[str, str] = {}
    problems = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            problems.append(Problem(assignment, "must be NAME=VALUE, such as window=10m"))
        elif name in given:
            problems.append(Problem(name, "is given twice"))
        given[name] = text
    if problems:
        raise WrongValues("--set cannot be used:", problems)
    return given


def checked_prefix(prefix: str | None) -> str | None:
    if prefix is not None and (not PREFIX.fullmatch(prefix) or prefix.endswith("-")):
        rule = "must be at most 24 of a-z, 0-9 and -, beginning with a letter, such as partner"
        raise WrongValues("--prefix cannot be used:", [Problem(prefix, rule)])
    return prefix


def values_of(pack: Pack, given: Mapping[str, str]) -> dict[str, ParameterValue]:
    """The value of every parameter; raises WrongValues with all problems of the given ones, and
    InvalidPack for a default that its own kind or limits reject."""
    parameters = pack.header.parameters
    problems = [
        Problem(
            name, f"is no parameter of the pack {pack.name}; {_nearest(name, list(parameters))}"
        )
        for name in given
        if name not in parameters
    ]
    values: dict[str, ParameterValue] = {}
    for name, parameter in parameters.items():
        text = given.get(name, str(parameter.default))
        try:
            values[name] = parameter.kind.read(text)
        except ValueError as error:
            if name not in given:
                raise pack.wrong_parameter(name, f"has a default that {error}") from error
            problems.append(Problem(name, _wrong(text, str(error))))
    if not problems:
        problems = [*_limit_problems(pack, values, given), *_equal_mnemonics(pack, values)]
    if problems:
        raise WrongValues(f"The pack {pack.name} cannot be used:", problems)
    return values


def _wrong(text: str, rule: str) -> str:
    return f"{text or 'an empty text'} {rule}"


def _nearest(name: str, known: Sequence[str]) -> str:
    folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.7)
    listed = f"its parameters are {', '.join(known)}"
    return f"{folded[near[0]]} is; {listed}" if near else listed


def _limit_problems(
    pack: Pack, values: Mapping[str, ParameterValue], given: Mapping[str, str]
) -> Iterable[Problem]:
    for name, parameter in pack.header.parameters.items():
        try:
            rule = _broken_limit(parameter, values, name)
        except (InvalidExpression, ValueError) as error:
            raise pack.wrong_parameter(name, f"has a limit that {error}") from error
        if rule and not given:
            raise pack.wrong_parameter(name, f"has a default that {rule}")
        if rule:
            yield Problem(name, _wrong(value_text(values[name]), rule))


def _broken_limit(
    parameter: Parameter, values: Mapping[str, ParameterValue], name: str
) -> str | None:
    if parameter.minimum is None and parameter.maximum is None:
        return None
    value = Amount.of(values[name], name)
    if parameter.minimum is not None:
        least = evaluate(str(parameter.minimum), values)
        if value.value < Amount.of(least, name).value:
            return f"must be at least {value_text(least)}"
    if parameter.maximum is not None:
        most = evaluate(str(parameter.maximum), values)
        if value.value > Amount.of(most, name).value:
            return f"must be at most {value_text(most)}"
    return None


def _equal_mnemonics(pack: Pack, values: Mapping[str, ParameterValue]) -> Iterable[Problem]:
    """Two actions with one mnemonic would be counted as each other."""
    seen: dict[tuple[ParameterKind, str], str] = {}
    for name, parameter in pack.header.parameters.items():
        key = (parameter.kind, str(values[name]).casefold())
        if parameter.kind is not ParameterKind.ACTION:
            continue
        if key in seen:
            yield Problem(name, f"must not be {values[name]}, which {seen[key]} is, too")
        seen.setdefault(key, name)
