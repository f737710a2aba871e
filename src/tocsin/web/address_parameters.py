"""Declares query parameters that a page parses itself, because they come from a form."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Depends, Query

CONDITIONS = ("filterLevel", "filterField", "filterOperator", "filterKind", "filterValue")


def reads(*names: str) -> dict[str, Any]:
    """The arguments of a route that reads these parameters, each any number of times."""
    return {"dependencies": [Depends(_Reads(names))]}


class _Reads:
    """A dependency that declares a parameter for each name, without reading its values."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.__signature__ = Signature(
            [
                Parameter(
                    f"parameter_{place}",
                    Parameter.KEYWORD_ONLY,
                    default=None,
                    annotation=Annotated[list[str] | None, Query(alias=name)],
                )
                for place, name in enumerate(names)
            ]
        )

    async def __call__(self, **_: list[str] | None) -> None:
        """Does nothing; the signature declares the parameters."""
