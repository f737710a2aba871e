"""Detects unknown query parameters in the address of a page.

A page that ignored a misspelled filter would show unfiltered data. But other programs add
parameters to links. So the page names the unknown parameters, and links to the address with the
closest known names and without them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import parse_qsl, urlencode

from fastapi import Request

from tocsin.api.known_parameters import MAX_PROBLEMS, closest_first, given_names, shortened


@dataclass(frozen=True, slots=True)
class UnknownParameters:
    """The unknown names, the known ones, and corrected addresses."""

    names: list[str]
    known: list[str]
    replaced: str | None
    """The address with the closest known names; None if no name is close."""
    without: str


def unknown_in(request: Request, known: Collection[str]) -> UnknownParameters | None:
    """The unknown names in the address of a request; None without any."""
    query: bytes = request.scope["query_string"]
    names = [name for name in dict.fromkeys(given_names(query)) if name not in known]
    if not names:
        return None
    names = names[:MAX_PROBLEMS]
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    closest = {name: match for name in names if (match := _closest(name, known))}
    kept = [
        (corrected, text) for name, text in pairs if (corrected := closest.get(name, name)) in known
    ]
    path = request.url.path
    return UnknownParameters(
        [shortened(name) for name in names],
        closest_first(names[0], known),
        _address(path, kept) if closest else None,
        _address(path, [(name, text) for name, text in pairs if name in known]),
    )


def _address(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _closest(name: str, known: Collection[str]) -> str | None:
    folded = {each.casefold(): each for each in known}
    matches = get_close_matches(shortened(name).casefold(), folded, 1)
    return folded[matches[0]] if matches else None
