"""The ledger of erasures: it erases the same subjects again in a backup that is older than them.

It has no value of a subject: digests and hashes have a key that follows from the id of the
installation, which the backup has.
"""

from __future__ import annotations

from uuid import UUID

import msgspec

from tocsin.model.erasure import Erasure, SubjectKind
from tocsin.model.instant import parse_instant

FORMAT = 1


class LedgerEntry(msgspec.Struct, frozen=True, rename="camel"):
    """`ids` are the hashes of the ids of erased interactions, in hexadecimal digits."""

    erasure_id: UUID
    kind: SubjectKind
    resource_type_id: UUID | None
    digest: str
    requested_date: str
    ids: list[str]

    def erasure(self) -> Erasure:
        """An erasure whose subject has yet to be found."""
        return Erasure(
            erasure_id=self.erasure_id,
            kind=self.kind,
            resource_type_id=self.resource_type_id,
            digest=self.digest,
            upto=0,
            requested_date=parse_instant(self.requested_date),
        )


class Ledger(msgspec.Struct, frozen=True, rename="camel"):
    """`key` is the name of the key of the hashes."""

    format: int
    key: str
    erasures: list[LedgerEntry]
