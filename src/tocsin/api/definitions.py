"""The definition of a stored thing as a caller would write it, for a patch of some members."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel

from tocsin.api.schemas.shape import Shape
from tocsin.model.merge_patch import without_mnemonics


def definition_of(response: Shape, draft: type[BaseModel]) -> dict[str, Any]:
    """The members of a response that a draft has too; names are given by id only."""
    accepted = {field.alias or name for name, field in draft.model_fields.items()}
    members = msgspec.to_builtins(response)
    return without_mnemonics({name: members[name] for name in members if name in accepted})
