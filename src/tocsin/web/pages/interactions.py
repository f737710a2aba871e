"""What happened: searched, newest first, one by one, and tied together by unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.pooled import pooled
from tocsin.errors import TocsinError
from tocsin.model.instant import from_milliseconds
from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.model.interactions.filter import LISTS, UNARY, WORDS
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.search import Search
from tocsin.runtime import Runtime
from tocsin.web.address_parameters import reads
from tocsin.web.choices import all_choices
from tocsin.web.filter_rows import KINDS
from tocsin.web.forms import Form
from tocsin.web.interaction_search import SEARCHED, SINCE, address_of, counting, read_search
from tocsin.web.payload_tree import short, tree
from tocsin.web.rendering import Pages, Reader
from tocsin.web.routing import page_router

PATH = "/web/interactions"
_PAGE = 50
_SHOWN_OF_UNIT = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """An interaction with its names."""

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


def routes(pages: Pages) -> APIRouter:
    router = page_router(pages)
    _add_list(router, pages)
    _add_one(router, pages)
    return router


def _add_list(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.get(PATH, **reads(*SEARCHED))
    @pooled(runtime.pools.searches)
    def interactions(request: Request, _viewer: Reader) -> Response:
        form = Form(request.url.query)
        found, error = None, None
        try:
            search = read_search(runtime, form, runtime.now())
            found = runtime.history.page(search, _PAGE, form.text("cursor"))
        except TocsinError as problem:
            error = problem
        return pages.show_form(
            request,
            "interactions.html",
            error,
            form=form,
            rows=[shown(runtime, i) for i in found.interactions] if found else [],
            next_cursor=found and found.next_cursor,
            query=form.query(without=["cursor"]),
            counting=counting(form),
            is_bounded=bool(form.text("from") or form.text("to")) and not form.text("since"),
            since=SINCE,
            conditions_shown=form.conditions(),
            operators=WORDS,
            unary=UNARY,
            lists=LISTS,
            kinds=KINDS,
            entries=all_choices(runtime),
            any_recorded=bool(found and found.interactions) or runtime.engine.rows() > 0,
        )


def _add_one(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.get(PATH + "/{id:uuid}")
    @pooled(runtime.pools.searches)
    def interaction(request: Request, _viewer: Reader, id: UUID) -> Response:
        one = runtime.history.get(id)
        unit, is_cut = [], False
        if one.uow_id:
            search = Search(uow_id=UUID(bytes=one.uow_id))
            page = runtime.history.page(search, _SHOWN_OF_UNIT, None)
            unit, is_cut = page.interactions, page.next_cursor is not None
        return pages.show(
            request,
            "interaction.html",
            one=shown(runtime, one),
            payload=tree(one.payload),
            response=tree(one.external_response) if one.external_response else None,
            raw=one.payload.decode(),
            address_of=address_of,
            unit=[shown(runtime, i) for i in reversed(unit)],
            unit_is_cut=is_cut,
        )


def shown(runtime: Runtime, interaction: Interaction) -> Shown:
    def entry(kind: Kind, id: bytes) -> Entry | None:
        return runtime.catalog.by_id(kind, UUID(bytes=id))

    return Shown(
        UUID(bytes=interaction.interaction_id),
        interaction.interaction_number,
        from_milliseconds(interaction.timestamp),
        entry(Kind.RESOURCE_TYPE, interaction.resource_type_id),
        entry(Kind.ACTION, interaction.action_id),
        entry(Kind.ORIGIN, interaction.origin_id),
        interaction,
    )
