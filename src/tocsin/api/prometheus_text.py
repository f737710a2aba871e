"""The Prometheus text format: families of samples, names of labels and their values.

Texts of payloads become label values. Prometheus takes an empty value for a missing label, so a
null dimension is left out, and an empty text has a mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]
Number = int | float

_MARK = "'"
_VALID_NAME = re.compile(r"(?!__|U__)[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Gauge:
    """A family of gauges: its name, its description, and its samples."""

    name: str
    help: str
    samples: Iterable[tuple[Labels, Number]]

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.help}\n# TYPE {self.name} gauge\n"
        for labels, value in self.samples:
            written = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{{{written}}} {_number(value)}\n"


def dimension_labels(dimensions: Mapping[str, str | None] | None) -> dict[str, str]:
    """The labels of a group. Different groups of a metric have different labels."""
    texts = (dimensions or {}).items()
    return {label_name(name): label_value(text) for name, text in texts if text is not None}


def label_name(name: str) -> str:
    """A valid name. Another one is escaped as Prometheus escapes names in UTF-8 for old readers:
    `U__`, then a double underscore for each one, and `_e9_` for é."""
    if _VALID_NAME.fullmatch(name):
        return name
    return "U__" + "".join(map(_escaped_character, name))


def label_value(text: str) -> str:
    """The text; an empty one, and one of apostrophes only, gets another apostrophe."""
    return text if text.strip(_MARK) else text + _MARK


def _escaped_character(character: str) -> str:
    if character == "_":
        return "__"
    if character.isascii() and character.isalnum():
        return character
    return f"_{ord(character):x}_"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _number(value: Number) -> str:
    """The value as the double that Prometheus has for it."""
    try:
        return repr(float(value)) if isinstance(value, float) or abs(value) > 2**53 else str(value)
    except OverflowError:
        return "+Inf" if value > 0 else "-Inf"
