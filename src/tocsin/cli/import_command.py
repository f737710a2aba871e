"""`tocsin import`: record the interactions of NDJSON files on a running server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from tocsin.cli.options import DEFAULT_URL, Key, Url
from tocsin.cli.routes import RESOURCE_TYPES
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from tocsin.cli.client import Client
    from tocsin.cli.ndjson import Batch
    from tocsin.cli.progress import TransferProgress
    from tocsin.cli.uploader import Tally

EXAMPLE = "Example:  tocsin import june.ndjson.gz july.ndjson.zst --rejects rejected.ndjson"
STDIN = "-"


def import_(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="NDJSON, plain, gzip or zstd; - is standard input."),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every rejected line's number and reasons here."),
    ] = None,
    exported: Annotated[
        bool,
        typer.Option(
            "--exported",
            help="Take every file for what a server exported, as is done by itself where the "
            "first line has an interactionNumber: takes an admin key, and notifies nobody.",
        ),
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="How many rejected lines to list.")] = 20,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Record interactions from NDJSON files, one JSON object a line.

    Repeats are harmless: a line without an interactionId gets one that follows from its text, so
    importing a file twice, or going on after an import was cut off, records nothing twice.
    What `tocsin export` wrote is recorded as it was.
    """
    from tocsin.cli.client import Client
    from tocsin.cli.uploader import Tally

    _check(files)
    with ExitStack() as opened:
        client = opened.enter_context(Client(url, key))
        # Says at once that the server is not there or does not know the key.
        client.get(RESOURCE_TYPES)
        sink = opened.enter_context(rejects.open("w", encoding="utf-8")) if rejects else None
        tally, began = Tally(show, sink), time.monotonic()
        try:
            _import(files, client, tally, exported)
        finally:
            _report(tally, time.monotonic() - began, rejects)
    if tally.rejected:
        raise typer.Exit(1)


def _check(files: list[str]) -> None:
    """Every file must be there before the first line is sent."""
    for name in files:
        if name != STDIN and not Path(name).exists():
            raise TocsinError(f"There is no file {name}.")
        if name != STDIN and Path(name).is_dir():
            raise TocsinError(f"{name} is a folder; name the files in it.")
    if files.count(STDIN) > 1:
        raise TocsinError("Standard input (-) can be read only once.")


def _import(files: list[str], client: Client, tally: Tally, exported: bool) -> None:
    from tocsin.cli.progress import TransferProgress
    from tocsin.cli.uploader import Sender

    with TransferProgress(_total(files)) as progress:
        sender = Sender(client, tally, progress.tell)
        sender.send_all(
            _batches(files, progress, exported), lambda: progress.answered(tally.answered)
        )


def _total(files: list[str]) -> int | None:
    """Bytes of all the files as they lie on disk; None where one has no length, like a pipe."""
    paths = [Path(name) for name in files if name != STDIN]
    known = len(paths) == len(files) and all(path.is_file() for path in paths)
    return sum(path.stat().st_size for path in paths) if known else None


def _batches(files: list[str], progress: TransferProgress, exported: bool) -> Iterator[Batch]:
    from tocsin.cli.ndjson import batches
    from tocsin.ingestion.decompression import unpack_file

    before = 0
    for name in files:
        with _opened(name) as file:
            shown = "stdin" if name == STDIN else name
            position, has_deliveries = before, False
            for batch in batches(shown, unpack_file(file, shown), exported or None):
                if batch.is_export and not has_deliveries:
                    progress.tell(f"{shown} is an export: recorded as it was, notifying nobody.")
                    has_deliveries = True
                yield batch
                position = before + (file.tell() if file.seekable() else 0)
                progress.read(shown, position)
            before = position


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == STDIN else Path(name).open("rb")


def _report(tally: Tally, seconds: float, rejects: Path | None) -> None:
    rate = tally.answered / max(seconds, 0.001)
    typer.echo(
        f"{tally.accepted:,} accepted, {tally.duplicates:,} duplicates, "
        f"{tally.rejected:,} rejected in {seconds:.1f} s ({rate:,.0f} interactions/s)"
    )
    for rejection in tally.first:
        typer.echo(str(rejection), err=True)
    hidden = tally.rejected - len(tally.first)
    if hidden:
        where = f"see {rejects}" if rejects else "--rejects FILE writes them all"
        typer.echo(f"and {hidden:,} more: {where}", err=True)
