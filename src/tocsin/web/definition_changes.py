"""The members that an action changed, as texts for a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tocsin.model.audit.entry import DefinitionDocument, differences

_LONGEST = 2_000
_EMPTY: tuple[Any, ...] = (None, [], {}, "")


class MemberChange(NamedTuple):
    """A member with its texts before and afterwards; None where it was missing or empty."""

    path: str
    before: str | None
    after: str | None


NameOf = Callable[[str], str | None]
"""The name of the thing with an id; None for other texts, and for what was deleted."""


def member_changes(
    before: DefinitionDocument | None,
    after: DefinitionDocument | None,
    changed: Sequence[str],
    name_of: NameOf = lambda _: None,
) -> list[MemberChange]:
    """The members that differ, and those of `changed` that do not: secrets that were replaced. All
    members of a definition that was created or deleted. Ids have the present name beside them."""
    shown = [
        MemberChange(path, _text(path, former, name_of), _text(path, latter, name_of))
        for path, former, latter in differences(before or {}, after or {})
    ]
    visible = [change for change in shown if (change.before, change.after) != (None, None)]
    paths = {change.path for change in visible}
    replaced = [MemberChange(path, "***", "***") for path in changed if path not in paths]
    return visible + replaced


def _text(path: str, value: Any, name_of: NameOf) -> str | None:
    if value in _EMPTY:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if path.endswith("Id") and (name := name_of(text)):
        return f"{name} ({text})"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
