"""Interactions that are not recorded because of their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class FieldError:
    """One problem of an interaction; `field` is empty if it concerns the whole."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


@dataclass(frozen=True)
class Rejection:
    """An interaction that the server rejected, or that is no JSON. It is not sent again."""

    interaction_id: UUID
    errors: tuple[FieldError, ...]
    interaction: Mapping[str, Any]
    """The members as they were sent, such as `resourceType`."""

    def __str__(self) -> str:
        return "; ".join(map(str, self.errors))
