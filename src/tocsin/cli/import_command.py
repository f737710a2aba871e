"""`tocsin import`: record the interactions of files on a running server."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import RESOURCE_TYPES
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from tocsin.cli.client import Client
    from tocsin.cli.ndjson import LineBatch
    from tocsin.cli.progress import TransferProgress
    from tocsin.cli.uploader import UploadTally

    _Reader = Callable[[str, Iterable[bytes]], Iterator[LineBatch]]

EXAMPLE = "Example:  tocsin import june.ndjson.gz july.ndjson.zst --rejects rejected.ndjson"
STDIN = "-"


_Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE", help="NDJSON, plain or compressed with gzip or zstd; - is standard input."
    ),
]
_Rejects = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write the number and the errors of every rejected line to this file."
    ),
]
_Exported = Annotated[
    bool,
    typer.Option(
        "--exported",
        help="Treat every file as an export of a server. This is the default for a file whose "
        "first line has an interactionNumber. Needs an admin key, and sends no notifications.",
    ),
]
_Map = Annotated[
    Path | None,
    typer.Option(
        "--map",
        metavar="MAP",
        help="A YAML file that tells how the records of the files become interactions: CSV, "
        "NDJSON, a JSON array, or lines that match a pattern.",
    ),
]
_Show = Annotated[int, typer.Option(min=0, help="The maximum number of rejected lines to list.")]


def import_(
    files: _Files,
    rejects: _Rejects = None,
    exported: _Exported = False,
    map_: _Map = None,
    show: _Show = 20,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Record interactions from NDJSON files, one JSON object per line.

    A line without an interactionId gets an id derived from its text. So importing a file again,
    or after an interrupted import, records nothing twice. The files of `tocsin export` are
    recorded as they were, without notifications. With --map, the files are those of another
    system.
    """
    from tocsin.cli.client import Client
    from tocsin.cli.uploader import UploadTally

    _check(files)
    read = _reader(map_, exported)
    with ExitStack() as opened:
        client = opened.enter_context(Client(url, key))
        # Fails early if the server is not reachable or does not accept the key.
        client.get(RESOURCE_TYPES)
        sink = opened.enter_context(rejects.open("w", encoding="utf-8")) if rejects else None
        tally, began = UploadTally(show, sink), time.monotonic()
        try:
            _import(files, client, tally, read)
        finally:
            _report(tally, time.monotonic() - began, rejects)
    if tally.rejected:
        raise typer.Exit(1)


def _check(files: list[str]) -> None:
    """Every file must exist before the first line is sent."""
    for name in files:
        if name != STDIN and not Path(name).exists():
            raise TocsinError(f"There is no file {name}.")
        if name != STDIN and Path(name).is_dir():
            raise TocsinError(f"{name} is a folder; give the files in it.")
    if files.count(STDIN) > 1:
        raise TocsinError("Standard input (-) can be read only once.")


def _reader(map_: Path | None, exported: bool) -> _Reader:
    """The function that reads the batches of a file. Raises InvalidDefinitions for a wrong map."""
    if map_ is None:
        from tocsin.cli.ndjson import batches

        return partial(batches, is_export=exported or None)
    if exported:
        raise TocsinError("An export has the members of interactions; leave out --map.")
    from tocsin.cli.mapping.batches import mapped_batches
    from tocsin.cli.mapping.import_map import read_map

    return partial(mapped_batches, mapping=read_map(map_))


def _import(files: list[str], client: Client, tally: UploadTally, read: _Reader) -> None:
    from tocsin.cli.progress import TransferProgress
    from tocsin.cli.uploader import BatchUploader

    with TransferProgress(_total(files)) as progress:
        uploader = BatchUploader(client, tally, progress.message)
        uploader.send_all(_batches(files, progress, read), lambda: progress.count(tally.answered))


def _total(files: list[str]) -> int | None:
    """The size of all files in bytes; None if one has no size, like a pipe."""
    paths = [Path(name) for name in files if name != STDIN]
    known = len(paths) == len(files) and all(path.is_file() for path in paths)
    return sum(path.stat().st_size for path in paths) if known else None


def _batches(files: list[str], progress: TransferProgress, read: _Reader) -> Iterator[LineBatch]:
    from tocsin.ingestion.decompression import decompress_file

    before = 0
    for name in files:
        with _opened(name) as file:
            shown = "stdin" if name == STDIN else name
            position, is_announced = before, False
            for batch in read(shown, decompress_file(file, shown)):
                if batch.is_export and not is_announced:
                    progress.message(f"{shown} is an export; it causes no notifications.")
                    is_announced = True
                yield batch
                position = before + (file.tell() if file.seekable() else 0)
                progress.read(shown, position)
            before = position


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == STDIN else Path(name).open("rb")


def _report(tally: UploadTally, seconds: float, rejects: Path | None) -> None:
    rate = tally.answered / max(seconds, 0.001)
    typer.echo(
        f"{tally.accepted:,} accepted, {tally.duplicates:,} duplicates, "
        f"{tally.rejected:,} rejected in {seconds:.1f} s ({rate:,.0f} interactions/s)"
    )
    for rejection in tally.first:
        typer.echo(str(rejection), err=True)
    hidden = tally.rejected - len(tally.first)
    if hidden:
        where = f"see {rejects}" if rejects else "--rejects FILE writes all of them"
        typer.echo(f"and {hidden:,} more: {where}", err=True)
