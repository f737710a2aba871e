"""`tocsin export`: write the interactions of a running server to a file, as NDJSON."""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from tocsin.cli.options import DEFAULT_URL, Key, Url
from tocsin.cli.routes import EXPORT

if TYPE_CHECKING:
    from tocsin.cli.progress import TransferProgress

EXAMPLE = "Example:  tocsin export --output june.ndjson.zst --from 2026-06-01T00:00:00Z"
STDOUT = "-"

_Text = Annotated[str | None, typer.Option(show_default=False)]


def export(
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Packed if it ends in .zst or .gz; - is standard output.",
        ),
    ] = STDOUT,
    resource_type: _Text = None,
    resource_id: _Text = None,
    action: _Text = None,
    origin: _Text = None,
    user_id: _Text = None,
    uow_id: _Text = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="Included; RFC 3339.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="INSTANT", help="Excluded.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Write interactions as NDJSON, the oldest first; all of them, or those that options narrow.

    It holds what was recorded when it began. `tocsin import` records it elsewhere as it was.
    """
    from tocsin.cli.client import Client
    from tocsin.cli.progress import TransferProgress

    asked = {
        "resourceType": resource_type,
        "resourceId": resource_id,
        "action": action,
        "origin": origin,
        "userId": user_id,
        "uowId": uow_id,
        "from": from_,
        "to": to,
    }
    began = time.monotonic()
    with (
        Client(url, key) as client,
        client.stream(EXPORT, **asked) as pieces,
        _written(output) as file,
        TransferProgress(None) as progress,
    ):
        count = _copy(pieces, file, output, progress)
    seconds = time.monotonic() - began
    # Standard output may be the export itself.
    typer.echo(f"{count:,} interactions exported in {seconds:.1f} s", err=output == STDOUT)


def _copy(pieces: Iterator[bytes], file: IO[bytes], output: str, progress: TransferProgress) -> int:
    """How many lines there were."""
    count = position = 0
    shown = "stdout" if output == STDOUT else output
    for piece in pieces:
        file.write(piece)
        count += piece.count(b"\n")
        position += len(piece)
        progress.read(shown, position)
        progress.answered(count)
    return count


@contextmanager
def _written(output: str) -> Iterator[IO[bytes]]:
    """The file to write to. It has its name only when it is complete: an export that breaks off
    must not look like a whole one."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as plain:
            with _packed(plain, target.suffix) as file:
                yield file
            plain.flush()
            os.fsync(plain.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _packed(plain: IO[bytes], suffix: str) -> AbstractContextManager[IO[bytes]]:
    """Ends what is packed, and leaves the file open."""
    import zstandard

    if suffix == ".zst":
        compressor = zstandard.ZstdCompressor(level=3)
        return cast("IO[bytes]", compressor.stream_writer(plain, closefd=False))
    if suffix == ".gz":
        return cast("IO[bytes]", gzip.GzipFile(filename="", fileobj=plain, mode="wb"))
    return nullcontext(plain)
