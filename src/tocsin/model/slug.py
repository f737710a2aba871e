"""The key of a definition: a slug that stays when the definition is renamed.

Not to be confused with the API keys of `key.py`.
"""

from __future__ import annotations

from typing import Annotated, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

MAX_SLUG = 64
SLUG = rf"^[a-z0-9-]{{1,{MAX_SLUG}}}$"
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def is_slug(text: str) -> bool:
    return 0 < len(text) <= MAX_SLUG and _CHARACTERS.issuperset(text)


def _checked(text: str) -> str:
    if not is_slug(text):
        raise ValueError(f"must be 1 to {MAX_SLUG} lower case letters, digits and hyphens")
    return text


Slug = Annotated[
    str,
    AfterValidator(_checked),
    Member(json_schema_extra={"pattern": SLUG}, examples=["failed-logins"]),
]


class KeyedDraft(BaseModel):
    """The members by which a file of definitions finds a definition again.

    A request that leaves them out keeps those that are stored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    key: Annotated[
        Slug | None, Member(description="Unique for its kind; stays when the name changes")
    ] = None
    managed_by: Annotated[
        Slug | None, Member(description="The set of the file that created the definition")
    ] = None


class Keyed(Protocol):
    """A stored definition, or its draft."""

    @property
    def key(self) -> str | None: ...

    @property
    def managed_by(self) -> str | None: ...


Draft = TypeVar("Draft", bound=KeyedDraft)


def with_kept_keys(draft: Draft, former: Keyed) -> Draft:
    """The draft of a definition, with the key and the set of the former one that it leaves out."""
    members = ("key", "managed_by")
    kept = {name: getattr(former, name) for name in members if name not in draft.model_fields_set}
    return draft.model_copy(update=kept) if kept else draft
