"""The shapes of erasures and of their ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal
from uuid import UUID

from tocsin.api.schemas.shape import (
    InstantText,
    Shape,
    doc,
    instant_or_none,
    mnemonic_of,
    only_true,
)
from tocsin.model.erasure import (
    DataSubject,
    Erasure,
    ErasureCounts,
    ErasureState,
    NamingDefinition,
    SubjectKind,
)
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.snapshot import Mnemonics


class ErasureResponse(Shape):
    """It never has the value that is erased."""

    erasure_id: UUID
    kind: SubjectKind
    resource_type_id: Annotated[UUID | None, doc("The type of an erased resource")]
    resource_type: str | None
    state: ErasureState
    requested_date: InstantText
    finished_date: InstantText | None
    matched: Annotated[ErasureCounts, doc("The rows that had the value when it began")]
    erased: Annotated[ErasureCounts, doc("The rows that no file has any more; zero until then")]
    problem: Annotated[str | None, doc("The reason why it waits, if it does")]

    @classmethod
    def of(cls, erasure: Erasure, catalog: Mnemonics) -> ErasureResponse:
        return cls(
            erasure_id=erasure.erasure_id,
            kind=erasure.kind,
            resource_type_id=erasure.resource_type_id,
            resource_type=mnemonic_of(catalog, Kind.RESOURCE_TYPE, erasure.resource_type_id),
            state=erasure.state,
            requested_date=format_instant(erasure.requested_date),
            finished_date=instant_or_none(erasure.finished_date),
            matched=erasure.matched,
            erased=erasure.erased,
            problem=erasure.problem,
        )


class NamingDefinitionResponse(Shape):
    kind: Literal["metric", "alert", "subscription", "silence", "channel"]
    id: UUID


class DryRunResponse(Shape):
    """The counts of an erasure that is not made; nothing of it is stored."""

    dry_run: Annotated[bool, only_true("Nothing is erased")]
    kind: SubjectKind
    resource_type_id: UUID | None
    resource_type: str | None
    matched: ErasureCounts
    definitions: Annotated[
        list[NamingDefinitionResponse],
        doc("Definitions that have the value; an erasure does not change them"),
    ]

    @classmethod
    def of(
        cls,
        subject: DataSubject,
        matched: ErasureCounts,
        definitions: Iterable[NamingDefinition],
        catalog: Mnemonics,
    ) -> DryRunResponse:
        type_id = subject.resource_type_id
        mnemonic = mnemonic_of(catalog, Kind.RESOURCE_TYPE, type_id)
        naming = [
            NamingDefinitionResponse(each.kind, each.id)  # type: ignore[arg-type]  # the kinds of the store
            for each in definitions
        ]
        return cls(True, subject.kind, type_id, mnemonic, matched, naming)
