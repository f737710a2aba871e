"""Does Tocsin answer what the oracle answers, whichever ends of a window it need not look at?

What is recorded reaches further into the past with every append, and at last past the instants
that are asked for: windows of each length have all, some and none of it within them.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

from support import nasty
from support.worlds import AT, World, check_metrics, record
from tocsin.config import Settings
from tocsin.runtime import Runtime

ROWS, APPENDS = 240, 8


def test_while_the_extent_widens_every_metric_is_what_the_oracle_says(tmp_path: Path) -> None:
    random = Random(1)
    world = World(Runtime(Settings(data_dir=tmp_path)), [])
    made = nasty.interactions(random, ROWS, AT)
    made.sort(key=lambda one: (one["timestamp"] > AT, abs(one["timestamp"] - AT)))
    for start in range(0, ROWS, ROWS // APPENDS):
        record(world, made[start : start + ROWS // APPENDS], random)
        for at in (AT, AT + timedelta(seconds=2), AT + timedelta(days=1)):
            check_metrics(world, seed=start, count=12, at=at)
    world.runtime.close()
