"""The golden files: their notation, and queries without the ids of one catalog."""

from __future__ import annotations

from typing import Any

import yaml

from tocsin.clickhouse.sql.query import Query
from tocsin.runtime import Runtime


def shown(runtime: Runtime, query: Query) -> dict[str, Any]:
    """The query, with names in place of the ids, which differ in every catalog."""
    names = {
        str(id): name
        for kind in runtime.calculator.table().mnemonics.values()
        for id, name in kind.items()
    }

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return sorted(map(named, value), key=str)
        return f"<id of {names[value]}>" if value in names else value

    return {
        "sql": query.text,
        "parameters": {name: named(value) for name, value in query.parameters.items()},
    }


def pretty(document: dict[str, Any]) -> str:
    class Dumper(yaml.SafeDumper):
        pass

    def block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, block)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
