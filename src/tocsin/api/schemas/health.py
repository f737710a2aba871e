"""The shapes of liveness and readiness."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from tocsin.api.schemas.shape import Shape


class State(Shape):
    status: str


class Readiness(Shape):
    status: Literal["ready", "degraded"]
    problems: list[str] | UnsetType = UNSET
