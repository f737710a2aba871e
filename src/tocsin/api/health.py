"""Does the service live, can it work, and how is it doing?"""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from tocsin.api.auth import requires
from tocsin.api.bodies import answer
from tocsin.api.known_parameters import REFUSES_UNKNOWN
from tocsin.api.openapi import documented
from tocsin.api.pooled import pooled
from tocsin.api.schemas import metrics
from tocsin.api.telemetry import Observations
from tocsin.model.key import Role
from tocsin.runtime import Runtime


def routes(runtime: Runtime, observations: Observations) -> APIRouter:
    router = APIRouter(tags=["Service"])

    @router.get(
        "/healthz",
        **REFUSES_UNKNOWN,
        **documented(metrics.State, "The process lives", needs_key=False),
    )
    async def healthz() -> Response:
        """Answers as long as the process lives."""
        return answer({"status": "alive"})

    @router.get(
        "/readyz",
        **REFUSES_UNKNOWN,
        **documented(
            metrics.Readiness,
            "The engine and the store both answered a query. The status is degraded, and problems "
            "says why, if an operator has to see to something: the disk takes no writes, or "
            "recorded interactions were lost",
            needs_key=False,
            problems=[503],
        ),
    )
    @pooled(runtime.pools.readiness)
    def readyz() -> Response:
        """Answers 503 unless the engine and the store both answer a query."""
        runtime.database.ping()
        runtime.engine.ready()
        problems = [each for kind in runtime.problems().values() for each in kind]
        if problems:
            return answer({"status": "degraded", "problems": problems})
        return answer({"status": "ready"})

    @router.get("/metrics", **requires(Role.READ), **_PROMETHEUS)
    def service_metrics() -> Response:
        """What Prometheus can ask of the service itself."""
        return Response(observations.text(), media_type=CONTENT_TYPE_LATEST)

    return router


_PROMETHEUS = documented(None, "Prometheus text")
_PROMETHEUS["responses"][200]["content"] = {"text/plain": {"schema": {"type": "string"}}}
