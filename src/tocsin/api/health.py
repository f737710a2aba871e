"""Routes for operators: liveness, readiness and Prometheus metrics.

The contract is "Service" in docs/reference/api.md.
"""

from __future__ import annotations

from fastapi import APIRouter, Response
from msgspec import UNSET
from prometheus_client import CONTENT_TYPE_LATEST

from tocsin.api.auth import requires
from tocsin.api.bodies import json_response
from tocsin.api.dependencies import App, AppObservations
from tocsin.api.known_parameters import REJECTS_UNKNOWN
from tocsin.api.openapi import describes
from tocsin.api.pooled import pooled
from tocsin.api.schemas.health import NodeState, Readiness, State
from tocsin.model.key import Role
from tocsin.model.zones import data_version
from tocsin.runtime import Runtime

_READY = """The engine and the store both answered a query. The status is degraded, and problems \
says why, if an operator must act: the disk takes no writes, or recorded interactions were lost"""
_PROMETHEUS = describes(None, "Prometheus text")
_PROMETHEUS["responses"][200]["content"] = {"text/plain": {"schema": {"type": "string"}}}

router = APIRouter(tags=["Service"])


@router.get(
    "/healthz", **REJECTS_UNKNOWN, **describes(State, "The process is alive", needs_key=False)
)
async def healthz() -> Response:
    """Liveness: answers as long as the process is alive."""
    return json_response(State("alive"))


@router.get(
    "/readyz", **REJECTS_UNKNOWN, **describes(Readiness, _READY, needs_key=False, problems=[503])
)
@pooled("readiness")
def readyz(runtime: App) -> Response:
    """Readiness: answers 503 unless the engine and the store both answer a query."""
    runtime.database.ping()
    runtime.engine.check_ready()
    # A node that reads what it missed answers no calculation meanwhile.
    runtime.append_log.follow()
    problems = [problem for kind in runtime.problems().values() for problem in kind]
    return json_response(
        Readiness(
            "degraded" if problems else "ready",
            data_version(),
            problems or UNSET,
            _node(runtime) or UNSET,
        )
    )


def _node(runtime: Runtime) -> NodeState | None:
    node = runtime.storage.coordination()
    if node is None:
        return None
    return NodeState(node.role, round(node.seconds_behind, 3), round(node.oldest_append_seconds, 3))


@router.get("/metrics", **requires(Role.READ), **_PROMETHEUS)
def service_metrics(observations: AppObservations) -> Response:
    """The service's own metrics, as Prometheus reads them."""
    return Response(observations.text(), media_type=CONTENT_TYPE_LATEST)
