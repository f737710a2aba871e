"""The shapes of liveness and readiness."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

from tocsin.api.schemas.shape import Shape, doc


class State(Shape):
    status: str


class NodeState(Shape):
    """A node that shares servers with others."""

    role: Literal["leader", "follower"]
    seconds_behind: float
    oldest_append_seconds: float


class Readiness(Shape):
    status: Literal["ready", "degraded"]
    tzdata: Annotated[str, doc("The release of the time zones")]
    problems: list[str] | UnsetType = UNSET
    node: NodeState | UnsetType = UNSET
