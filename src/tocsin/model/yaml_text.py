"""Writes values as YAML that readers of YAML 1.1 and 1.2 understand alike."""

from __future__ import annotations

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Quotes all but simple texts: for PyYAML `1e3` is a text, for YAML 1.2 a number, and other
    styles fold line ends."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Always: a value that occurs twice is written twice."""
        return True


def _write_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if text[:1].isalpha() and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _write_text)


def write_yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
