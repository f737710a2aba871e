"""The search for interactions, newest first, and the page of one with its unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import Request, Response

from tocsin.errors import TocsinError
from tocsin.model.instant import from_milliseconds
from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.model.interactions.filter import LISTS, UNARY, WORDS
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.search import Search
from tocsin.runtime import Runtime
from tocsin.web.address_parameters import reads
from tocsin.web.choices import all_choices
from tocsin.web.filter_rows import GROUPS, KINDS
from tocsin.web.forms import Form
from tocsin.web.interaction_search import SEARCHED, SINCE, address_of, counting, read_search
from tocsin.web.payload_tree import short, tree
from tocsin.web.rendering import Reader, Site
from tocsin.web.routing import PageRouter, run_on

PATH = "/web/interactions"
_PAGE = 50
_SHOWN_OF_UNIT = 200


@dataclass(frozen=True, slots=True)
class InteractionView:
    """An interaction with its catalog entries; None for an entry that was deleted."""

    id: UUID
    number: int
    at: datetime
    resource_type: Entry | None
    action: Entry | None
    origin: Entry | None
    interaction: Interaction

    @property
    def payload(self) -> str:
        return short(self.interaction.payload)

    @property
    def uow_id(self) -> UUID | None:
        return UUID(bytes=self.interaction.uow_id) if self.interaction.uow_id else None


router = PageRouter()


@router.get(PATH, **reads(*SEARCHED))
@run_on("searches")
def interactions(pages: Site, request: Request, _viewer: Reader) -> Response:
    runtime, form = pages.runtime, Form(request.url.query)
    results, problem = None, None
    try:
        search = read_search(runtime, form, runtime.now())
        results = runtime.history.page(search, _PAGE, form.text("cursor"))
    except TocsinError as error:
        problem = error
    rows = [view_of(runtime, each) for each in results.interactions] if results else []
    return pages.render_form(
        request,
        "interactions.html",
        problem,
        form=form,
        rows=rows,
        next_cursor=results and results.next_cursor,
        query=form.query(without=["cursor"]),
        counting=counting(form),
        is_bounded=bool(form.text("from") or form.text("to")) and not form.text("since"),
        since=SINCE,
        conditions_shown=form.conditions(),
        operators=WORDS,
        unary=UNARY,
        lists=LISTS,
        kinds=KINDS,
        groups=GROUPS,
        entries=all_choices(runtime),
        any_recorded=bool(rows) or runtime.engine.rows() > 0,
    )


@router.get(PATH + "/{id:uuid}")
@run_on("searches")
def interaction(pages: Site, request: Request, _viewer: Reader, id: UUID) -> Response:
    runtime = pages.runtime
    interaction = runtime.history.get(id)
    unit, is_cut = [], False
    if interaction.uow_id:
        search = Search(uow_id=UUID(bytes=interaction.uow_id))
        page = runtime.history.page(search, _SHOWN_OF_UNIT, None)
        unit, is_cut = page.interactions, page.next_cursor is not None
    response = interaction.external_response
    return pages.render(
        request,
        "interaction.html",
        view=view_of(runtime, interaction),
        payload=tree(interaction.payload),
        response=tree(response) if response else None,
        raw=interaction.payload.decode(),
        address_of=address_of,
        unit=[view_of(runtime, each) for each in reversed(unit)],
        unit_is_cut=is_cut,
    )


def view_of(runtime: Runtime, interaction: Interaction) -> InteractionView:
    catalog = runtime.catalog
    return InteractionView(
        UUID(bytes=interaction.interaction_id),
        interaction.interaction_number,
        from_milliseconds(interaction.timestamp),
        catalog.by_id(Kind.RESOURCE_TYPE, UUID(bytes=interaction.resource_type_id)),
        catalog.by_id(Kind.ACTION, UUID(bytes=interaction.action_id)),
        catalog.by_id(Kind.ORIGIN, UUID(bytes=interaction.origin_id)),
        interaction,
    )
