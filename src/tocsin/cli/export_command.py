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

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import EXPORT

if TYPE_CHECKING:
    from tocsin.cli.progress import TransferProgress

EXAMPLE = "Example:  tocsin export --output june.ndjson.zst --from 2026-06-01T00:00:00Z"
STDOUT = "-"

_Text = Annotated[str | None, typer.Option(show_default=False)]


_Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Compressed if it ends in .zst or .gz; - is standard output.",
    ),
]
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="INSTANT", help="The earliest timestamp, inclusive; RFC 3339."),
]
_To = Annotated[
    str | None, typer.Option(metavar="INSTANT", help="The latest timestamp, exclusive; RFC 3339.")
]


app = typer.Typer(help="Write interactions, or the definitions, of a server.", epilog=EXAMPLE)


@app.callback(invoke_without_command=True, epilog=EXAMPLE)
def export(
    context: typer.Context,
    output: _Output = STDOUT,
    resource_type: _Text = None,
    resource_id: _Text = None,
    action: _Text = None,
    origin: _Text = None,
    user_id: _Text = None,
    uow_id: _Text = None,
    from_: _From = None,
    to: _To = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Write interactions as NDJSON, oldest first: all of them, or those that match the options.

    The export has the interactions that were recorded when it began. `tocsin import` records
    them on another server as they were. `tocsin export definitions` writes the definitions.
    """
    if context.invoked_subcommand is not None:
        return
    from tocsin.cli.client import Client
    from tocsin.cli.progress import TransferProgress

    scope = {"resourceType": resource_type, "action": action, "origin": origin}
    ids = {"resourceId": resource_id, "userId": user_id, "uowId": uow_id}
    filters = {**scope, **ids, "from": from_, "to": to}
    began = time.monotonic()
    with (
        Client(url, key) as client,
        client.stream(EXPORT, **filters) as pieces,
        _output_file(output) as file,
        TransferProgress(None) as progress,
    ):
        count = _copy(pieces, file, output, progress)
    seconds = time.monotonic() - began
    # Standard output may be the export itself.
    typer.echo(f"{count:,} interactions exported in {seconds:.1f} s", err=output == STDOUT)


@app.command(epilog="Example:  tocsin export definitions --output shop.yaml")
def definitions(
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="- is standard output.")
    ] = STDOUT,
    set_: Annotated[
        str | None,
        typer.Option("--set", metavar="NAME", help="Only what the files with this set: created."),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Write the definitions of a server to a file for `tocsin apply`, which changes nothing there.

    Secrets are written as env:NAME; the file begins with a list of the variables to set on another
    server. Silences that are over are left out.
    """
    from tocsin.cli.client import Client
    from tocsin.cli.definition_export import DefinitionExport
    from tocsin.cli.server_definitions import ServerDefinitions

    with Client(url, key) as client:
        exported = DefinitionExport(ServerDefinitions(client), set_)
        text = exported.text()
    with _output_file(output) as file:
        file.write(text.encode())
    for note in exported.notes:
        typer.echo(f"note       {note}", err=True)


def _copy(pieces: Iterator[bytes], file: IO[bytes], output: str, progress: TransferProgress) -> int:
    """Copy the pieces; returns the number of lines."""
    count = position = 0
    shown = "stdout" if output == STDOUT else output
    for piece in pieces:
        file.write(piece)
        count += piece.count(b"\n")
        position += len(piece)
        progress.read(shown, position)
        progress.count(count)
    return count


@contextmanager
def _output_file(output: str) -> Iterator[IO[bytes]]:
    """The file to write to. It gets its name when it is complete, so that an interrupted export
    does not look complete."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as plain:
            with _compressed(plain, target.suffix) as file:
                yield file
            plain.flush()
            os.fsync(plain.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _compressed(plain: IO[bytes], suffix: str) -> AbstractContextManager[IO[bytes]]:
    """A writer that compresses into `plain` by the suffix, and leaves it open when closed."""
    import zstandard

    if suffix == ".zst":
        compressor = zstandard.ZstdCompressor(level=3)
        return cast("IO[bytes]", compressor.stream_writer(plain, closefd=False))
    if suffix == ".gz":
        return cast("IO[bytes]", gzip.GzipFile(filename="", fileobj=plain, mode="wb"))
    return nullcontext(plain)
