"""The table of refusals in the guide for servers: with what the detail of a 503 begins."""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs/how-to/run-on-servers.md"
_CLICKHOUSE = re.compile(r"(The ClickHouse (?:server|cluster) )… ")


def listed() -> list[tuple[str, str]]:
    """The beginnings of details, each as a text before the name of a server and the one after it;
    without such a name, the former is empty."""
    table = GUIDE.read_text().partition("| `detail` begins with |")[2].partition("\n\n")[0]
    beginnings = []
    for line in table.splitlines()[2:]:
        cell = line.split("|")[1].strip()
        named = _CLICKHOUSE.match(cell)
        server = named[1] if named else ""
        sentences = cell[named.end() if named else 0 :].split(", ")
        beginnings += [(server, sentence) for sentence in sentences]
    return beginnings


def is_listed(detail: str) -> bool:
    return any(
        re.match(re.escape(server) + (r"\S+ " if server else "") + re.escape(sentence), detail)
        for server, sentence in listed()
    )
