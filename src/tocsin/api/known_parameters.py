"""Rejects query parameters that a route does not declare.

If a misspelled filter were ignored, the response would not be filtered. The known names are taken
from the signatures of the route and its dependencies, so that no route repeats them in a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from difflib import SequenceMatcher
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from tocsin.errors import InvalidInput, Problem

# Limits on the response, because a query string may hold thousands of names of any length.
MAX_PROBLEMS = 20
MAX_NAME = 64


async def reject_unknown(request: Request) -> None:
    """Raise InvalidInput for undeclared and for repeated query parameters of the route."""
    if query := request.scope["query_string"]:
        read_known(query, names_of(request.scope["route"].dependant))


def read_known(query: bytes, known: Collection[str]) -> dict[str, str]:
    """The query parameters; raises InvalidInput for unknown and repeated ones."""
    if not query:
        return {}
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) == len(pairs) and all(name in known for name in parameters):
        return parameters
    problems = (
        Problem(shortened(name), _unknown(name, known))
        if name not in known
        else Problem(name, f"is given {count} times; give it once")
        for name, count in Counter(name for name, _ in pairs).items()
        if name not in known or count > 1
    )
    raise InvalidInput(problems=islice(problems, MAX_PROBLEMS))


REJECTS_UNKNOWN: dict[str, Any] = {"dependencies": [Depends(reject_unknown)]}
"""The arguments of a route that requires no key; `auth.requires` adds them to all others."""


def names_of(dependant: Dependant) -> frozenset[str]:
    """The query parameters that a route and its dependencies declare."""
    own = (parameter.alias for parameter in dependant.query_params)
    return frozenset(own).union(*map(names_of, dependant.dependencies))


def given_names(query: bytes) -> list[str]:
    """The names in a query string, including repeated ones."""
    return [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]


def closest_first(name: str, known: Collection[str]) -> list[str]:
    """The known names, the most similar one first."""
    similarity = partial(_similarity, shortened(name).casefold())
    return sorted(sorted(known), key=similarity, reverse=True)


def _similarity(name: str, other: str) -> float:
    return SequenceMatcher(None, name, other.casefold()).ratio()


def shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"


def _unknown(name: str, known: Collection[str]) -> str:
    if not known:
        return "is not a parameter of this route; it accepts none"
    return f"is not a parameter of this route; it accepts {', '.join(closest_first(name, known))}"
