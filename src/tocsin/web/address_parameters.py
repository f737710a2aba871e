"""Declares the query parameters that a page reads from its address by itself, as a form does."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Depends, Query

CONDITIONS = ("filterField", "filterOperator", "filterKind", "filterValue")


def reads(*names: str) -> dict[str, Any]:
    """The arguments of a route that reads these names, each as often as it is given."""
    return {"dependencies": [Depends(_Reads(names))]}


class _Reads:
    """A dependency with a parameter for each name; its values are left to the page."""

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
        """Nothing: it stands for what it declares."""
