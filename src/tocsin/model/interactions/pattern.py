"""Regular expressions of RE2, the library that the engine also uses.

The operator `matches` in docs/reference/semantics.md defines their meaning.
"""

from __future__ import annotations

import re2

MAX_PATTERN = 500
# RE2 takes time by instruction and byte where its automaton does not fit into its memory, and the
# engine checks the deadline of a query only between blocks: `(?:a?b?){1000}` takes 0.5 ms a byte.
MAX_INSTRUCTIONS = 3_000

# For the engine `.` matches line ends unless a pattern says otherwise (26.9).
_FLAGS = "(?-s)"
# Matches nothing. The engine looks for the literals of a pattern before it runs RE2, and takes a
# quantifier for one of the last byte of the character before it (26.9): for `é?` it requires the
# first byte. An alternative without literals prevents that.
_NOTHING = r"[^\x00-\x{10FFFF}]|"


def pattern_problem(pattern: str) -> str | None:
    """The reason why the pattern is invalid, or None."""
    if len(pattern) > MAX_PATTERN:
        return f"must have at most {MAX_PATTERN} characters, not {len(pattern):,}"
    options = re2.Options()
    options.log_errors = False
    try:
        size = re2.compile(pattern, options).programsize
    except UnicodeEncodeError:
        return "is not valid Unicode"
    except re2.error as error:
        return f"is not a regular expression of RE2: {_reason(error)}"
    finally:
        # The module would keep 128 compiled patterns, of up to 8 MiB each.
        re2.purge()
    if size > MAX_INSTRUCTIONS:
        return (
            f"is too large: RE2 compiles it to {size:,} instructions, of at most "
            f"{MAX_INSTRUCTIONS:,}; repeat fewer times, or use smaller classes of characters"
        )
    return None


def engine_pattern(pattern: str) -> str:
    """The pattern for the engine's function `match`, so that it has the meaning of RE2."""
    return _FLAGS + ("" if pattern.isascii() else _NOTHING) + pattern


def _reason(error: re2.error) -> str:
    (reason,) = error.args
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
