"""Addresses with a query parameter that the page does not have.

A page that passed a misspelled name over would show everything in place of what was looked for;
but names are also added by what people send links with. So the page says which name it does not
know, and links to the address with the closest known name in its place, and without it.
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
    """EntryLookup that the page does not have, and the addresses that may have been meant."""

    names: list[str]
    known: list[str]
    replaced: str | None
    """With known names in place of those that are nearly the same; None where none is."""
    without: str


def unknown_in(request: Request, known: Collection[str]) -> UnknownParameters | None:
    """The names in the address that the page does not have, if there are any."""
    query: bytes = request.scope["query_string"]
    names = [name for name in dict.fromkeys(given_names(query)) if name not in known]
    if not names:
        return None
    names = names[:MAX_PROBLEMS]
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    meant = {name: match for name in names if (match := _closest(name, known))}
    kept = [(one, text) for name, text in pairs if (one := meant.get(name, name)) in known]
    path = request.url.path
    return UnknownParameters(
        [shortened(name) for name in names],
        closest_first(names[0], known),
        _address(path, kept) if meant else None,
        _address(path, [(name, text) for name, text in pairs if name in known]),
    )


def _address(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _closest(name: str, known: Collection[str]) -> str | None:
    folded = {one.casefold(): one for one in known}
    found = get_close_matches(shortened(name).casefold(), folded, 1)
    return folded[found[0]] if found else None
