"""The route that answers the rows of a metric as a file.

The contract is "Rows" in docs/reference/api.md.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from tocsin.api.accepted_formats import accepted_format
from tocsin.api.auth import requires
from tocsin.api.dependencies import App, AppObservations
from tocsin.api.metrics import PATH
from tocsin.api.openapi import describes
from tocsin.api.parameters import At, Limit
from tocsin.api.pooled import pooled
from tocsin.api.row_formats import RowFormat, write_rows
from tocsin.api.row_tables import RowTable, table_of_answer
from tocsin.model.key import Role
from tocsin.model.metrics.answer import DEFAULT_LIMIT

ROWS_CONTENT: dict[str, Any] = {
    RowFormat.CSV.media_type: {"schema": {"type": "string"}},
    RowFormat.NDJSON.media_type: {"schema": {"type": "string"}},
    RowFormat.PARQUET.media_type: {"schema": {"type": "string", "format": "binary"}},
}
_ROWS = describes(None, "The rows; `x-truncated: true` if some were cut", problems=[404, 406, 422])
_ROWS["responses"][200]["content"] = ROWS_CONTENT

Format = Annotated[
    RowFormat | None, Query(description="The format; the header `Accept` chooses it by default.")
]

router = APIRouter(prefix=PATH, tags=["Calculations"])


@router.get("/{id:uuid}/rows", **requires(Role.READ), **_ROWS)
@pooled("questions")
def get_rows(
    runtime: App,
    observations: AppObservations,
    request: Request,
    id: UUID,
    at: At = None,
    limit: Limit = DEFAULT_LIMIT,
    format: Format = None,
) -> Response:
    """Calculate one metric, and answer its rows as CSV, NDJSON or Parquet: a column for each
    dimension, and `value`; for a RATIO also `numerator` and `denominator`, for a comparison
    `current` and `base`.

    In CSV a text that a spreadsheet would take for a formula begins with an apostrophe. Parquet has
    counts as integers and other numbers as doubles."""
    metric = runtime.metrics.get(id)
    chosen = format or accepted_format(request)
    with observations.calculating("rows"):
        answer = runtime.calculator.calculate(metric.question, at or runtime.now(), limit)
    return rows_response(table_of_answer(metric, answer), chosen)


def rows_response(table: RowTable, format: RowFormat) -> Response:
    """The rows of a table in a format."""
    headers = {"Vary": "Accept", **cut_header(table)}
    return Response(write_rows(table, format), headers=headers, media_type=format.media_type)


def cut_header(table: RowTable) -> dict[str, str]:
    return {"x-truncated": "true"} if table.is_cut else {}
