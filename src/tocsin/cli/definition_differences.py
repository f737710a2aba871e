"""The differences between a definition as it is and as a file would have it, as lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tocsin.cli.definition_sections import DefinitionSection, Reference

DefinitionLabels = Mapping[str, str]
"""The keys or names of definitions by id."""


def differences(
    section: DefinitionSection,
    current: Mapping[str, Any],
    planned: Mapping[str, Any],
    labels: DefinitionLabels,
) -> list[str]:
    """Lines such as `timeWindow: "5m" -> "1h"`. Both definitions are as the API answers them."""
    former, future = (written(section, each, labels) for each in (current, planned))
    return list(_differing(former, future, ""))


def written(
    section: DefinitionSection, definition: Mapping[str, Any], labels: DefinitionLabels
) -> dict[str, Any]:
    """A definition as a file has it: with mnemonics, keys and names in place of ids. An id without
    a label stays."""
    kept = {name: each for name, each in definition.items() if name not in section.answered}
    kept = _without_ids(kept)
    for reference in section.references:
        elements = kept.get(reference.within or "")
        if reference.within is None:
            kept = _labelled(kept, reference, labels)
        elif isinstance(elements, list):
            kept[reference.within] = [_labelled(each, reference, labels) for each in elements]
    return kept


def _without_ids(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Without the ids of catalog entries and metric types, whose mnemonics are beside them; the
    sides of a RATIO have some, too."""
    return {
        name: _without_ids(each) if isinstance(each, dict) else each
        for name, each in definition.items()
        if not (name.endswith("Id") and name.removesuffix("Id") in definition)
    }


def _labelled(
    definition: Mapping[str, Any], reference: Reference, labels: DefinitionLabels
) -> dict[str, Any]:
    ids = definition.get(reference.id_member)
    texts = [labels.get(id) for id in (ids if isinstance(ids, list) else [str(ids)])]
    if None in texts:
        return dict(definition)
    names = {reference.id_member: reference.member}
    labelled = {names.get(name, name): value for name, value in definition.items()}
    return {**labelled, reference.member: texts if isinstance(ids, list) else texts[0]}


def _differing(
    current: Mapping[str, Any], planned: Mapping[str, Any], prefix: str
) -> Iterator[str]:
    for name in (*planned, *(name for name in current if name not in planned)):
        was, becomes = current.get(name), planned.get(name)
        if isinstance(was, dict) and isinstance(becomes, dict):
            yield from _differing(was, becomes, f"{prefix}{name}.")
        elif not _same(was, becomes):
            yield f"{prefix}{name}: {_shown(was)} -> {_shown(becomes)}"


def _same(value: Any, other: Any) -> bool:
    """Whether values are equal as JSON: 3 is 3.0, 1 is not true, and a missing member is null."""
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_same, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return all(_same(value.get(key), other.get(key)) for key in value.keys() | other.keys())
    return isinstance(value, bool) is isinstance(other, bool) and bool(value == other)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
