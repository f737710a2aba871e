"""SQL expressions for exact sums of doubles (decision 50).

A number is split into four parts on fixed grids: multiples of 1, 2^-27, 2^-54 and 2^-81. Each part
is scaled so that one step of its grid is 2^971, the unit in the last place of the greatest
doubles. Sums of such multiples are exact in double arithmetic unless they overflow: a sum of parts
is exact or not finite, in any order and division of the additions. The first part of a number that
the parts cannot hold (a magnitude that rounds to 2^52 or more, digits below 2^-81) is not finite.

A part is the difference of the number rounded to a grid and to the coarser one before it. Scaling
by a power of two, rounding to an integer, and that difference are exact for every double. So an
expression has the number twice, and not once more for each coarser part: a distributed table
sends a query in which each alias is replaced by its expression.

If a sum of parts is not finite, the numbers are added again as integers by exponent, which hold
every double.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

PARTS = 4
BETWEEN = 2.0**27
"""The factor between two neighboring grids."""
GRID, FIRST = 2.0**971, 2.0**972
"""The scales of a part in units of its grid; of the first part, whose last place may be 2^-1."""

EXPONENT_OF_ONE = 1075
"""Integers by exponent count units of 2^-1075."""
_HALF_BITS = 27


Alias = Callable[[str], str]
"""Gives an expression an alias in the query, and returns the alias."""


def parts(number: str, alias: Alias) -> list[str]:
    """The expressions of the four parts of a number."""
    on_grids = [number, *(f"{number} * {BETWEEN**n!r}" for n in range(1, PARTS))]
    finest = on_grids[-1] = alias(on_grids[-1])
    rounded = [alias(f"round({on_grid})") for on_grid in on_grids]
    return [
        _first_part(rounded[0], f"{finest} = {rounded[-1]}"),
        *(f"({fine} - {coarse} * {BETWEEN!r}) * {GRID!r}" for coarse, fine in pairwise(rounded)),
    ]


def whole_parts(number: str, alias: Alias) -> list[str]:
    """The four parts of a number that is known to be an integer: all but the first are zero.

    The first is not finite for any other number, which is then added as integers by exponent.
    """
    whole = alias(f"round({number})")
    return [_first_part(whole, f"{number} = {whole}"), *["toFloat64(0)"] * (PARTS - 1)]


def _first_part(whole: str, is_held: str) -> str:
    """The first part: not finite if the parts do not hold the number, by dividing by 0."""
    return f"{whole} * {FIRST!r} / ({is_held})"


def approximate(sums: Sequence[str]) -> str:
    """The approximate number of four sums of parts, by which the engine orders rows. Not finite
    where the sums are not."""
    step = repr(1 / BETWEEN)
    s0, s1, s2, s3 = sums
    return f"({s0} + ({s1} + ({s2} + {s3} * {step}) * {step}) * {2 / BETWEEN!r}) * {1 / FIRST!r}"


def by_exponent(number: str, holds: str = "") -> str:
    """The sum of the numbers for which `holds` is true, as two lists: exponents and integers."""
    bits = f"reinterpretAsUInt64(assumeNotNull({number}))"
    exponent = f"bitAnd(bitShiftRight({bits}, 52), 2047)"
    digits = f"bitOr(bitAnd({bits}, 4503599627370495), if({exponent} = 0, 0, 4503599627370496))"
    sign = f"if({bits} >= 9223372036854775808, -1, 1)"
    place = f"toInt32(greatest({exponent}, 1))"
    halves = [
        f"{sign} * toInt64(bitAnd({digits}, {2**_HALF_BITS - 1}))",
        f"{sign} * toInt64(bitShiftRight({digits}, {_HALF_BITS}))",
    ]
    condition = f"isNotNull({number}){holds and f' AND {holds}'}"
    return f"sumMapIf([{place}, {place} + {_HALF_BITS}], [{', '.join(halves)}], {condition})"
