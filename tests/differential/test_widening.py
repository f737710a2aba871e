"""Metrics have the values of the oracle, whichever ends of a window their queries do not test.

Each append has interactions further from the requested instants, in the past and at last in the
future: windows of each length contain all, some and none of them.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

from support import nasty
from support.deployments import settings_in
from support.worlds import AT, World, check_metrics, record
from tocsin.runtime import Runtime

ROWS, APPENDS = 240, 8


def test_while_the_extent_widens_every_metric_has_the_value_of_the_oracle(tmp_path: Path) -> None:
    random = Random(1)
    world = World(Runtime(settings_in(tmp_path)), [])
    interactions = nasty.interactions(random, ROWS, AT)
    interactions.sort(key=lambda i: (i["timestamp"] > AT, abs(i["timestamp"] - AT)))
    for start in range(0, ROWS, ROWS // APPENDS):
        record(world, interactions[start : start + ROWS // APPENDS], random)
        for at in (AT, AT + timedelta(seconds=2), AT + timedelta(days=1)):
            check_metrics(world, seed=start, count=12, at=at)
    world.runtime.close()
