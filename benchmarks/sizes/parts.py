"""The parts of the measuring: each starts servers on copies of a folder and returns its figures.

A figure is a `Timing`, or a number whose unit is the end of its name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import numpy as np

from benchmarks import many, metric_set, wide
from benchmarks.queries import CASES
from benchmarks.sizes import dropping, recording
from benchmarks.sizes.timing import Timing, timed
from benchmarks.tocsin_server import Server, instant, wait_until_quiet

MIB = 1 << 20
INTERACTIONS = "/api/interactions"
DISCOVER = "/api/interaction-metrics/fields/discover"
SEED = 20
TURNS = 9
Figures = dict[str, Any]
Request = Callable[[int], object]


class Folder(Protocol):
    """See `measuring.Folder`."""

    rows: int
    until: datetime

    def copied(self) -> AbstractContextManager[Path]: ...
    def serving(self, data: Path | None = None) -> AbstractContextManager[Server]: ...
    def server(self) -> Server: ...


def start(folder: Folder) -> Figures:
    """Three starts, and the time until the ids are learnt."""
    ready, resident, learnt = [], [], []
    for _ in range(3):
        with folder.serving() as server:
            began = time.monotonic()
            ready.append(server.ready_after)
            resident.append(server.memory().resident)
            while _gauge(server, "tocsin_ids_unlearnt") and time.monotonic() - began < 600:
                time.sleep(0.2)
            learnt.append(time.monotonic() - began)
            peak = server.memory().peak
    return {
        "ready after a start, s": sorted(ready)[1],
        "ids learnt after that, s": sorted(learnt)[1],
        "resident when ready, MiB": sorted(resident)[1] / MIB,
        "resident at most until the ids are learnt, MiB": peak / MIB,
    }


def disk(folder: Folder) -> Figures:
    server = folder.server()
    return {"disk, MiB": server.bytes_on_disk() / MIB}


def windows(folder: Folder) -> Figures:
    """The questions of a scope and a window, as previews, so that nothing is materialized."""
    figures = {}
    server = folder.server()
    for case in CASES:
        if case.is_scoped_window:
            figures[case.name] = _previewed(server, case.metric, folder.until, TURNS)
    return figures


def scans(folder: Folder) -> Figures:
    """The questions over all time, as previews; a window of ten years less some days is read in
    full each time."""
    figures: Figures = {}
    server = folder.server()
    for case in CASES:
        if "timeWindow" not in case.metric:
            try:
                figures[case.name] = timed(server, _scanning(server, case.metric, folder.until), 2)
            except RuntimeError as error:
                if "answered 422" not in str(error):
                    raise
                figures[f"{case.name}: too heavy, answered with"] = 422
    return figures


def repeated(folder: Folder) -> Figures:
    """The wide metrics that were asked before, over the JSON."""
    figures = {}
    server = folder.server()
    for case in wide.WIDE:
        at = folder.until - timedelta(minutes=10)
        for turn in range(wide.TIMES_BEFORE):
            server.preview(case.metric, at + turn * wide.MOVES_BY)
        figures[f"{case.name}, again"] = _previewed(server, case.metric, at, TURNS)
    return figures


def together(folder: Folder) -> Figures:
    """A hundred and a thousand metrics by themselves and together, with materialized columns."""
    figures: Figures = {}
    with folder.copied() as copy:
        for count in (100, 1_000):
            metrics = metric_set.metrics(count, SEED)
            trials = 3 if count == 100 else 1
            result = many.measure(lambda: folder.serving(copy), metrics, folder.until, trials)
            figures |= {
                f"{count} metrics one by one, ms": 1000 * float(np.median(result.one_by_one)),
                f"{count} metrics together, first time, ms": 1000 * result.first_seconds,
                f"{count} metrics together, first time, of one by one": result.first_ratio,
                f"{count} metrics together, warm, ms": 1000 * result.warm_seconds,
                f"resident at most with {count} metrics, MiB": result.peak / MIB,
            }
    return figures


def search(folder: Folder) -> Figures:
    """Pages, searches, discovery and the beginning of an export."""
    server = folder.server()
    places = _places(server, folder)
    middle = instant(places["middle"])
    scope = {"resourceType": "user", "action": "login"}
    return {
        name: timed(server, _asking(server, path), TURNS)
        for name, path in {
            "newest page": f"{INTERACTIONS}?limit=50",
            "page in the middle": _path(INTERACTIONS, to=middle, limit="50"),
            "page of a scope in the middle": _path(INTERACTIONS, to=middle, **scope),
            "page of a user": _path(INTERACTIONS, userId="u-4711"),
            "page of a user in the middle": _path(INTERACTIONS, userId="u-4711", to=middle),
            "search of a user that does not exist": _path(INTERACTIONS, userId="nobody"),
            "page of a resource": _path(INTERACTIONS, resourceId="order-4711"),
            "one unit of work": _path(INTERACTIONS, uowId=places["unit"]),
            "one interaction by its id": f"{INTERACTIONS}/{places['id']}",
        }.items()
    } | {
        name: timed(server, _beginning(server, path), TURNS)
        for name, path in {
            "first bytes of an export": f"{INTERACTIONS}/export",
            "first bytes of a user's export": _path(f"{INTERACTIONS}/export", userId="u-4711"),
            "first bytes of an export from the middle": _path(
                f"{INTERACTIONS}/export", **{"from": middle}
            ),
        }.items()
    }


def discovery(folder: Folder) -> Figures:
    """The fields that occur."""
    server = folder.server()
    scope = {"resourceType": "user", "action": "login"}
    return {
        name: timed(server, _asking(server, path), 5)
        for name, path in {
            "fields": DISCOVER,
            "fields of a scope": _path(DISCOVER, **scope),
            "fields in detail": _path(DISCOVER, detail="true"),
            "fields of a scope in detail": _path(DISCOVER, detail="true", **scope),
        }.items()
    }


def starting(folder: Folder) -> Figures:
    """New interactions from the moment in which the server is ready."""
    with folder.copied() as copy, folder.serving(copy) as server:
        return recording.measure(server, copy, folder.until, 100_000, 5_000)


def recording_a_million(folder: Folder) -> Figures:
    """The next million, when the ids are learnt and the server has nothing else to do."""
    with folder.copied() as copy, folder.serving(copy) as server:
        wait_until_quiet(server.process.pid)
        return recording.measure(server, copy, folder.until, 1_000_000, 20_000)


def memory(folder: Folder) -> Figures:
    """The memory with a hundred warm metrics, which are calculated while interactions arrive."""
    with folder.copied() as copy, folder.serving(copy) as server:
        return recording.measure_memory(server, copy, folder.until)


def retention(folder: Folder) -> Figures:
    """Dropping the oldest month."""
    with folder.copied() as copy:
        return dropping.measure(copy, folder.until)


def _previewed(server: Server, metric: Mapping[str, Any], at: datetime, turns: int) -> Timing:
    return timed(
        server, lambda turn: server.preview(metric, at - (turns - turn) * wide.MOVES_BY), turns
    )


def _places(server: Server, folder: Folder) -> dict[str, Any]:
    months = folder.rows // 1_000_000
    middle = folder.until - timedelta(days=15 + 30.4 * (months // 2 - 1 if months > 1 else 0))
    newest = server.ask("GET", _path(INTERACTIONS, to=instant(middle), limit="1"))
    (interaction,) = newest["interactions"]
    return {"middle": middle, "unit": interaction["uowId"], "id": interaction["interactionId"]}


def _path(path: str, **parameters: str) -> str:
    return f"{path}?{urlencode(parameters)}"


def _scanning(server: Server, metric: Mapping[str, Any], at: datetime) -> Request:
    return lambda turn: server.preview({**metric, "timeWindow": f"{3650 - turn}d"}, at)


def _asking(server: Server, path: str) -> Request:
    return lambda _: server.ask("GET", path)


def _beginning(server: Server, path: str) -> Request:
    """Reads the beginning of a streamed answer, then breaks it off."""

    def begin(_: int) -> None:
        with server.connect() as connection:
            connection.begin("GET", path)

    return begin


def _gauge(server: Server, name: str) -> float:
    status, text = server.connection.request("GET", "/metrics")
    if status != 200:
        raise RuntimeError(f"/metrics answered {status}")
    lines: Iterator[str] = iter(text.decode().splitlines())
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0.0)


PARTS: dict[str, Callable[[Any], Figures]] = {
    part.__name__: part
    for part in (
        start, disk, windows, repeated, scans, search, discovery, starting, recording_a_million,
        memory, retention, together,
    )
}  # fmt: skip
