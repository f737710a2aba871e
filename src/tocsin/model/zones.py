"""Time zones by their IANA names, from the pinned package tzdata.

The zones of the operating system are not used: the same release of Tocsin has the same local days
on every machine.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator
from pydantic import Field as Member

_PACKAGE = "tzdata"
_EXAMPLE = "Europe/Berlin"


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; the message of ValueError shows a valid one."""
    if name not in _names():
        known = _names_by_lower_case().get(name.lower())
        raise ValueError(
            f"is written {known}"
            if known
            else f"is not the IANA name of a time zone, such as {_EXAMPLE}"
        )
    resource = files(_PACKAGE).joinpath("zoneinfo", *name.split("/"))
    with resource.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def zone_names() -> list[str]:
    """The names of all zones, in alphabetical order."""
    return sorted(_names())


def data_version() -> str:
    """The release of the IANA database, such as `2026f`."""
    return str(import_module(_PACKAGE).IANA_VERSION)


@cache
def _names() -> frozenset[str]:
    return frozenset(files(_PACKAGE).joinpath("zones").read_text("utf-8").split())


@cache
def _names_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in _names()}


def _known(name: str) -> str:
    zone(name)
    return name


ZoneName = Annotated[str, AfterValidator(_known), Member(examples=[_EXAMPLE])]
