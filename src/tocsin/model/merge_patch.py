"""JSON Merge Patch (RFC 7396) of definitions, whose names are given by mnemonic or by id.

A document to be patched names catalog entries and metric types by id only. A patch that gives a
mnemonic, or removes it, replaces the id beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.errors import InvalidInput, MalformedBody
from tocsin.model.metrics.question import SIDES

Document = Mapping[str, Any]

_NAMES = ("metricType", "resourceType", "action", "origin", "alertAction", "recoveryAction")
# A definition without them keeps those that are stored.
_KEPT = ("key", "managedBy")
# The members whose names the caller chooses.
_MAPS = ("labels", "dimensions", "headers")


def patched(document: Document, patch: Any) -> dict[str, Any]:
    """The document with the members of the patch; null removes a member. Raises InvalidInput for a
    patch that is no object, and MalformedBody for one that is nested too deeply."""
    if not isinstance(patch, dict):
        raise InvalidInput.at("", "must be a JSON object")
    try:
        return _definition(document, patch)
    except RecursionError as error:
        raise MalformedBody("The body is nested too deeply") from error


def without_mnemonics(document: Document) -> dict[str, Any]:
    """The document without the mnemonics whose ids it has, and without members that are null."""
    return {
        name: without_mnemonics(value) if name in SIDES else value
        for name, value in document.items()
        if value is not None and not (name in _NAMES and f"{name}Id" in document)
    }


def _definition(document: Document, patch: Document) -> dict[str, Any]:
    replaced = {f"{name}Id" for name in _NAMES if name in patch}
    kept = {name: value for name, value in document.items() if name not in replaced}
    sides = {
        name: _definition(kept.pop(name), patch[name])
        for name in SIDES
        if isinstance(patch.get(name), dict) and isinstance(kept.get(name), dict)
    }
    others = {name: value for name, value in patch.items() if name not in sides}
    return {**_merged(kept, others), **sides}


def _merged(target: Any, patch: Any, *, is_map: bool = False) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is not None:
            result[name] = _merged(result.get(name), value, is_map=name in _MAPS)
        elif is_map or (name in result and name not in _KEPT):
            result.pop(name, None)
        else:
            # It stays: validation rejects a misspelled name, and null removes a key.
            result[name] = None
    return result
