"""The dependencies of handlers: the runtime and the measurements of their application."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from tocsin.api.auth import actor_of
from tocsin.api.telemetry import Observations
from tocsin.process.audit import Actor
from tocsin.runtime import Runtime


async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def _observations(request: Request) -> Observations:
    observations: Observations = request.app.state.observations
    return observations


async def _actor(request: Request) -> Actor:
    return actor_of(request)


App = Annotated[Runtime, Depends(_runtime)]
AppObservations = Annotated[Observations, Depends(_observations)]
CurrentActor = Annotated[Actor, Depends(_actor)]
"""The key of an authorized request, for the log of a change."""
