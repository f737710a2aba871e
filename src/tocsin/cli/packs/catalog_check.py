"""Compares the mnemonics of a pack with the catalog of a server before they are added to it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tocsin.cli.definition_sections import SECTIONS, DefinitionSection
from tocsin.cli.packs.parameters import WrongValues
from tocsin.cli.packs.rendering import FilledPack
from tocsin.cli.packs.values import ParameterKind
from tocsin.cli.server_definitions import list_all
from tocsin.errors import Problem

if TYPE_CHECKING:
    from tocsin.cli.client import Client

_SECTIONS = {
    ParameterKind.RESOURCE_TYPE: SECTIONS["resourceTypes"],
    ParameterKind.ACTION: SECTIONS["actions"],
    ParameterKind.ORIGIN: SECTIONS["origins"],
}


def check_catalog(filled: FilledPack, client: Client) -> list[str]:
    """A note for each mnemonic that the catalog lacks but has a similar one of.

    Raises WrongValues for a mnemonic that the catalog spells with other capitals: a scope ignores
    them, but a filter compares texts.
    """
    catalog = {kind: _mnemonics(client, section) for kind, section in _SECTIONS.items()}
    problems: list[Problem] = []
    notes: list[str] = []
    for name, kind, mnemonic in _mnemonics_of(filled):
        known = catalog[kind]
        spelled = known.get(mnemonic.casefold())
        if spelled is None:
            notes += _note(name, kind, mnemonic, known)
        elif spelled != mnemonic:
            problems.append(Problem(name, f"{mnemonic} is {spelled} in the catalog; write it so"))
    if problems:
        raise WrongValues(f"The pack {filled.pack.name} cannot be applied:", problems)
    return notes


def _mnemonics(client: Client, section: DefinitionSection) -> dict[str, str]:
    entries = list_all(client, section)
    return {entry["mnemonic"].casefold(): entry["mnemonic"] for entry in entries}


def _mnemonics_of(filled: FilledPack) -> Iterator[tuple[str, ParameterKind, str]]:
    for name, parameter in filled.pack.header.parameters.items():
        if parameter.kind.is_mnemonic:
            yield name, parameter.kind, str(filled.values[name])


def _note(name: str, kind: ParameterKind, mnemonic: str, known: Mapping[str, str]) -> Iterator[str]:
    near = difflib.get_close_matches(mnemonic.casefold(), known, n=3, cutoff=0.7)
    if near:
        names = ", ".join(known[each] for each in near)
        yield (
            f"note       the catalog has no {_SECTIONS[kind].noun} {mnemonic}, but {names}: "
            f"--set {name}={known[near[0]]} if you mean it"
        )
