"""The payloads that are rejected, and the fields of the accepted ones.

Refusals are docs/reference/semantics.md, "Fields", last paragraph; discovery is
docs/reference/api.md, "Discover".
"""

from collections.abc import Iterable, Iterator

from support.oracle_values import Interaction, Json, Number, PayloadError, field_of, parse

MAX_LEVELS = 64
MAX_BYTES = 1 << 20
MAX_PATHS = 2_000


def refuses(payload: str) -> str | None:
    """Why the payload's JSON text is refused when it is recorded; None when it is accepted."""
    try:
        _check(payload)
    except PayloadError as reason:
        return str(reason)
    except RecursionError:
        return "more than 64 levels"
    return None


def _check(payload: str) -> None:
    if len(payload.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise PayloadError("more than 1 MiB")
    value = parse(payload)
    if not isinstance(value, dict):
        raise PayloadError("not an object")
    if _levels(value) > MAX_LEVELS:
        raise PayloadError("more than 64 levels")
    _check_texts(value)
    if sum(1 for _ in leaves(value)) > MAX_PATHS:
        raise PayloadError("more than 2,000 different paths")


def _levels(value: Json) -> int:
    """How many objects and arrays stand around the innermost one, itself included."""
    if isinstance(value, dict):
        return 1 + max(map(_levels, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_levels, value), default=0)
    return 0


def _check_texts(value: Json) -> None:
    if isinstance(value, str):
        _check_unicode(value)
    elif isinstance(value, list):
        for element in value:
            _check_texts(element)
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_unicode(key)
            if "%2E" in key:
                raise PayloadError("a key with %2E in it")
            _check_texts(member)


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PayloadError("a lone surrogate") from None


def leaves(
    value: dict[str, Json], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Each path that holds no further object's keys, with its value (null and {} included)."""
    for key, member in value.items():
        path = (*above, key)
        if isinstance(member, dict) and member:
            yield from leaves(member, path)
        else:
            yield path, member


def discover(interactions: Iterable[Interaction]) -> dict[str, dict[str, Json]]:
    """`{field: {"types", "occurrences"}}` of every leaf, sorted by field.

    Nothing inside arrays; objects, nulls, and paths that hold the empty key are left out.
    """
    types: dict[str, set[str]] = {}
    occurrences: dict[str, int] = {}
    for interaction in interactions:
        for path, value in leaves(parse(interaction.get("payload") or "{}")):
            kind = _type(value)
            if kind is None or "" in path:
                continue
            field = field_of(path)
            types.setdefault(field, set()).add(kind)
            occurrences[field] = occurrences.get(field, 0) + 1
    return {
        field: {"types": sorted(types[field]), "occurrences": occurrences[field]}
        for field in sorted(types)
    }


def _type(value: Json) -> str | None:
    for kind, name in ((str, "string"), (bool, "boolean"), (Number, "number"), (list, "array")):
        if isinstance(value, kind):
            return name
    return None
