"""Random filter trees over filters that a caller draws, and random patterns of RE2."""

from collections.abc import Callable
from random import Random

import re2

from support.oracle import Metric

MAX_LEVELS = 5

_PATTERNS = (
    "", ".", "^$", "^.$", "^.+$", "(?s)^.+$", "(?m)^b$", r"^\d+$", r"^-?\d", r"\.\d", r"e\d",
    r"^[a-z]+$", "(?i)^za$", "(?i)ss", "(?i)k", r"^\w+$", r"\W", r"\s", r"^\s|\s$", r"\pL",
    r"^\p{Lu}", r"\pN", r"[^\x00-\x7f]", r"\x00", "\x00", r"^\PL+$", "a|b|^1", "(?:a|1)+0?",
    r"^(true|false)$", r"\bb\b", r"\C", "é?", "^é", "😀*", "^😀?$", "[^\n]b", r"\n", r"\Qa.b",
    r"\\", "'", "`", r"^\{", "[]b]", "x{5}", "(?U)1.*0", "(?i)Σ", "^.{2,4}$", "1{2,}", r"0\z",
)  # fmt: skip
_DECORATIONS = (
    "{}",
    "^{}",
    "{}$",
    "^{}$",
    "(?i){}",
    "(?s).{}",
    ".{}",
    "{}|x",
    "({})+",
    "{}?",
    "{}*",
)


def tree(rng: Random, draw: Callable[[], Metric], levels: int = MAX_LEVELS) -> Metric:
    """A node with drawn filters as leaves, nested in at most `levels`."""
    kind = rng.choice(("any", "any", "all", "not"))
    if kind == "not":
        return {"not": _child(rng, draw, levels - 1)}
    size = rng.choices((1, 2, 3, 4), (10, 50, 30, 10))[0]
    return {kind: [_child(rng, draw, levels - 1) for _ in range(size)]}


def _child(rng: Random, draw: Callable[[], Metric], levels: int) -> Metric:
    return tree(rng, draw, levels) if levels and rng.random() < 0.3 else draw()


def pattern(rng: Random, text: str) -> str:
    """A valid pattern: one of a pool, or one about a part of the text."""
    if rng.random() < 0.4:
        return rng.choice(_PATTERNS)
    start = rng.randint(0, len(text))
    part = text[start : start + rng.randint(0, 12)]
    return rng.choice(_DECORATIONS).format(re2.escape(part) or "a")
