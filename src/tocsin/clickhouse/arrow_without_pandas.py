"""Keeps pyarrow from importing pandas, which chDB installs and which nothing here uses.

Pyarrow imports pandas before it converts its first values, to recognize those of pandas. That takes
0.4 s of the processor and 50 MB of memory.
"""

from __future__ import annotations

import sys

import pyarrow as pa


class _NoPandas:
    """A finder that reports pandas as missing."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:  # noqa: ARG004 - the protocol of finders
        if name == "pandas":
            raise ModuleNotFoundError("Tocsin converts no values of pandas", name=name)


def avoid_pandas() -> None:
    """Convert a first value while pandas cannot be imported; pyarrow does not try again."""
    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array([], pa.string())
    finally:
        sys.meta_path.remove(_NoPandas)
