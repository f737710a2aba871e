"""Routes of erasures: list, read, begin or count, and the ledger.

The contract is "Erasures" in docs/reference/api.md.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, created, decode_as, json_response
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes, schema_of
from tocsin.api.schemas.erasures import DryRunResponse, ErasureResponse
from tocsin.model.erasure import ErasureDraft
from tocsin.model.erasure_ledger import Ledger
from tocsin.model.key import Role

PATH = "/api/erasures"
_EXAMPLE = {"userId": "ada@example.org", "dryRun": True}
_ADMIN = requires(Role.ADMIN)
_BODY = describes(
    {"anyOf": [schema_of(ErasureResponse), schema_of(DryRunResponse)]},
    "The erasure has begun, or with `dryRun` its counts",
    status=201,
    body=ErasureDraft,
    example=_EXAMPLE,
)
_BODY["responses"][200] = {**_BODY["responses"][201], "description": "The counts of a dry run"}

router = APIRouter(prefix=PATH, tags=["Erasures"])


@router.get("", **_ADMIN, **describes([ErasureResponse], "All erasures, newest first"))
def list_erasures(runtime: App) -> Response:
    """List all erasures. None has the value that it erased."""
    erasures = runtime.erasures.all()
    return json_response([ErasureResponse.of(each, runtime.catalog) for each in erasures])


@router.get("/ledger", **_ADMIN, **describes(Ledger, "The ledger"))
def get_ledger(runtime: App) -> Response:
    """Get the ledger of all erasures, which `tocsin restore --erasures` applies to an older backup.
    It has digests with a key in place of values and ids."""
    return json_response(runtime.erasures.ledger())


@router.get("/{id:uuid}", **_ADMIN, **describes(ErasureResponse, "The erasure", problems=[404]))
def get_erasure(runtime: App, id: UUID) -> Response:
    """Get one erasure, with its state and its counts."""
    return json_response(ErasureResponse.of(runtime.erasures.get(id), runtime.catalog))


@router.post("", **_ADMIN, **_BODY)
def create_erasure(runtime: App, actor: CurrentActor, body: Body) -> Response:
    """Erase a user, or a resource, from everything that is recorded now; with `dryRun`, count only.
    The erasure is done when no file has the value. Later interactions are recorded."""
    draft = decode_as(ErasureDraft, body)
    if draft.dry_run:
        subject, counts, definitions = runtime.erasure_service.count(draft)
        return json_response(DryRunResponse.of(subject, counts, definitions, runtime.catalog))
    erasure = runtime.erasure_service.create(draft, actor)
    return created(ErasureResponse.of(erasure, runtime.catalog), PATH, erasure.erasure_id)
