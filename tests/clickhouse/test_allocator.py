"""The engine's allocator gets its options before the engine is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tocsin.clickhouse.allocator import OPTIONS

PROBE = f"""
import os, sys
import tocsin.clickhouse
loaded_before = "chdb" in sys.modules
import tocsin.clickhouse.engine
assert "chdb" in sys.modules
print(loaded_before, os.environ["{OPTIONS}"])
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, "dirty_decay_ms:500,muzzy_decay_ms:0"), ("narenas:2", "narenas:2")],
)
def test_options_are_set_before_the_engine_is_loaded_and_those_of_an_operator_are_kept(
    given: str | None, expected: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != OPTIONS}
    if given:
        environment[OPTIONS] = given
    probe = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=True
    )
    assert probe.stdout.split() == ["False", expected]
