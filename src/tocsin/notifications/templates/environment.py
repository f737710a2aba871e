"""The Jinja environment of templates, in which keys of an interaction precede attributes.

Jinja prefers attributes, so `{{ interaction.items }}` is a method of `dict` and not the key
`items`. Here it is the key, a missing key is empty, and a method can only be called.
"""

from __future__ import annotations

from types import NoneType
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

_JSON_TYPES = frozenset((dict, list, str, int, float, bool, NoneType))


class _Method(jinja2.ChainableUndefined):
    """A method of a JSON value: undefined as a value, so that it prints as empty text."""

    __slots__ = ("_method",)

    def __init__(self, value: Any, name: str, method: Any) -> None:
        super().__init__(obj=value, name=name)
        self._method = method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._method(*args, **kwargs)


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Looks names up in JSON values by key first; a missing one renders as empty text."""

    def __init__(self) -> None:
        super().__init__(undefined=jinja2.ChainableUndefined, finalize=_printable)
        # Jinja's filter would look for attributes only.
        self.filters["attr"] = self.getattr

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is _Method:
            return self.undefined(name=attribute)
        if type(obj) not in _JSON_TYPES:
            return super().getattr(obj, attribute)
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        value = super().getattr(obj, attribute)
        if isinstance(value, jinja2.Undefined):
            return value
        if callable(value):
            return _Method(obj, attribute, value)
        # Such as the `real` of a number.
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (TypeError, LookupError):
            # `prices.0` is a number to Jinja, and JSON knows only strings as keys.
            name = str(argument) if type(argument) is int else argument
            if isinstance(name, str):
                return self.getattr(obj, name)
            return self.undefined(obj=obj, name=argument)


def _printable(value: Any) -> Any:
    """A function, such as Jinja's global `range`, has no text of its own."""
    return "" if callable(value) else value
