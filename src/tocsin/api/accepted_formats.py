"""Chooses the format of a response by the Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from fastapi import Request

from tocsin.api.headers import header_list
from tocsin.api.row_formats import RowFormat
from tocsin.errors import NotAcceptable


def accepted_format(request: Request) -> RowFormat:
    """The format that the client prefers; CSV if it names none. Raises NotAcceptable."""
    ranges = dict(map(_media_range, header_list(request, "accept")))
    if not ranges:
        return RowFormat.CSV
    weights = {format: _weight(format.media_type, ranges) for format in RowFormat}
    # The first of several formats with the same weight.
    best = max(RowFormat, key=lambda format: weights[format])
    if not weights[best]:
        raise NotAcceptable
    return best


def _media_range(element: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in element.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    weight = next((value.strip() for key, _, value in pairs if key.strip() == "q"), "1")
    try:
        return name, min(max(float(weight), 0.0), 1.0)
    except ValueError:
        return name, 0.0


def _weight(media_type: str, ranges: dict[str, float]) -> float:
    """The weight of the most specific range that matches."""
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
