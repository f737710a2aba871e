"""How figures are written."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.load import Ingestion

MIB = 1024 * 1024
GIB = 1024 * MIB


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


def mib(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"


def title(each: Ingestion) -> str:
    kind = "single interactions" if each.size == 1 else f"batches of {each.size:,}"
    return f"{kind} over {each.connections} connections"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
